"""Sizes of the experiments: reduced in `make test`, whole in `make campaign`."""

import json
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

from tests.support.machine import machine

# Removed from the environment: the product refuses a variable that begins
# as its settings do and is not one.
FULL: Final = os.environ.pop("AUTHSVC_CAMPAIGN", "") == "1"
"""Whether this is `make campaign`, which takes about two hours."""
_REPORT: Final = os.environ.pop("AUTHSVC_CAMPAIGN_REPORT", "")
"""The file for the figures; "" if they are only printed."""


MORE_MS: Final = 50.0
"""How much longer than before a fault the slowest in a hundred reads may take during it."""
SLOWEST_MS: Final = 2000.0
"""The bound of `make test`, unless the machine is so busy that reads were as slow before the fault."""
BUSY_FACTOR: Final = 4
BUSIEST_MS: Final = 10_000.0
"""The bound on any machine."""
BUSIEST_SECONDS: Final = 60.0
"""A deadline that only a fault exceeds, on any machine."""


def p99_ms(seconds: Iterable[float]) -> float:
    """Return the time within which 99 of 100 were answered; 0 if there are none."""
    taken = sorted(seconds)
    return 1000 * taken[int(len(taken) * 0.99)] if taken else 0.0


def p99_limit_ms(baseline: float) -> float:
    """Return the limit of the p99 during a fault; `baseline` is the p99 before it."""
    return baseline + MORE_MS if FULL else min(max(SLOWEST_MS, BUSY_FACTOR * baseline), BUSIEST_MS)


def promised(seconds: float) -> float:
    """Return the deadline for what the documentation promises within `seconds`.

    A campaign, which has the machine to itself, holds the product to it. In
    `make test` the machine may be busy, so only the event itself is required.

    Call it while the test runs, not at import: tests/support/promises.py marks
    the tests that call it, and a campaign runs all of them.
    """
    return seconds if FULL else min(10 * seconds, BUSIEST_SECONDS)


def size(reduced: int, full: int) -> int:
    """Return how many of something this run uses."""
    return full if FULL else reduced


def report(experiment: str, **figures: float | str) -> None:
    """Print the figures of one experiment, and keep them for docs/ if this is a campaign."""
    print(json.dumps({"experiment": experiment, **figures}))
    if _REPORT:
        keep(Path(_REPORT), experiment, figures, _machine())


def keep(file: Path, experiment: str, figures: dict[str, float | str], on: dict[str, str]) -> None:
    """Write a line with one experiment's figures, in the place of its former line.

    Each line has the place and date of its measurement, because a campaign for some
    of the tests does not change the other lines. One process writes at a time: a
    campaign runs its tests one after the other.
    """
    line = json.dumps({"experiment": experiment, **figures, "machine": on})
    kept = file.read_text().splitlines() if file.exists() else []
    places = [at for at, old in enumerate(kept) if json.loads(old)["experiment"] == experiment]
    if places:
        kept[places[0]] = line
    else:
        kept.append(line)
    file.parent.mkdir(parents=True, exist_ok=True)
    # Beside it first, so that a run that is ended leaves the old figures whole.
    fresh = file.with_name(f"{file.name}.new")
    fresh.write_text("".join(f"{text}\n" for text in kept))
    fresh.replace(file)


_machine = cache(machine)
