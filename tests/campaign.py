"""Sizes of the experiments: reduced in `make test`, whole in `make campaign`."""

import json
import os
from pathlib import Path
from typing import Final

FULL: Final = os.environ.get("AUTHSVC_CAMPAIGN") == "1"
"""Whether this is `make campaign`, which has an hour."""


def size(reduced: int, full: int) -> int:
    """Return how many of something this run takes."""
    return full if FULL else reduced


def report(experiment: str, **figures: float | str) -> None:
    """Print the figures of one experiment, and keep them for docs/ if this is a campaign.

    The file is named by AUTHSVC_CAMPAIGN_REPORT: one JSON object a line, each
    written at once, because several processes append.
    """
    line = json.dumps({"experiment": experiment, **figures})
    print(line)
    if name := os.environ.get("AUTHSVC_CAMPAIGN_REPORT"):
        with Path(name).open("a") as file:
            file.write(f"{line}\n")
