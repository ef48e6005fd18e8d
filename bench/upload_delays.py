"""Measure how long an upload of 10 KB takes beside a flood of missing sizes, and beside another token's slow pictures.

All settings are the defaults. The uploads that are measured begin one after the other, at most ten a second, with a
token and an address of their own.
"""

import argparse
import json
import statistics
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx2

from bench.figures import save, text_table
from bench.image_photographs import photographs
from bench.upload_floods import (
    Flood,
    SizeFlood,
    SlowUploads,
    client_at,
    empty,
    running,
    slowest_picture,
    small_picture,
    upload,
)
from tests.support.stack import Stack, wait_until
from tests.support.up.processes import processor_seconds

ALONE, MANY_READERS, ONE_READER = "alone", "flood of sizes, 32 readers", "flood of sizes, one reader"
SLOW, BOTH = "another token's slowest pictures", "both, 32 readers"
ROUNDS, SECONDS = 3, 10
_PAUSE_SECONDS: Final = 0.1
_WARM_SECONDS: Final = 2.0
"""A flood runs for this long before the first upload is measured."""
_PICTURES: Final = 16
_QUIET_SECONDS: Final = 0.5
_HOUR: Final = 3600
_MINE, _OTHER, _READER = "127.0.1.1", "127.0.2.1", "127.0.3.{}"


@dataclass
class Delays:
    """Times in milliseconds of the uploads of one case, and how many got another answer than 200."""

    case: str
    times: list[float] = field(default_factory=list)
    refused: int = 0

    def row(self) -> dict[str, float | int | str]:
        """Return what is saved and printed."""
        ordered = sorted(self.times) or [0.0]
        return {
            "case": self.case,
            "uploads": len(self.times),
            "refused": self.refused,
            "p50_ms": round(statistics.median(ordered), 1),
            "p99_ms": round(ordered[len(ordered) * 99 // 100], 1),
            "max_ms": round(ordered[-1], 1),
        }


def measure(stack: Stack, token: str, delays: Delays, *, seconds: float) -> None:
    """Upload for that long and add the times."""
    pause = threading.Event()
    with client_at(stack.base, _MINE) as client:
        end = time.monotonic() + seconds
        while (begun := time.monotonic()) < end:
            picture = small_picture()
            answer = upload(client, token, picture)
            delays.times.append(1000 * (time.monotonic() - begun))
            delays.refused += answer.status_code != httpx2.codes.OK
            pause.wait(_PAUSE_SECONDS)


@contextmanager
def floods(stack: Stack) -> Iterator[Mapping[str, Sequence[Flood]]]:
    """Yield the floods of each case."""
    pictures = [stack.upload(content) for content in photographs((4000, 3000), _PICTURES)]
    readers, cache = [_READER.format(number) for number in range(1, 33)], cache_of(stack)
    many = SizeFlood(stack.base, pictures, readers, cache=cache)
    one = SizeFlood(stack.base, pictures, readers[:1], cache=cache)
    slow = SlowUploads(stack.base, stack.cli("token", "add", "slow").strip(), slowest_picture(), _OTHER)
    yield {ALONE: [], MANY_READERS: [many], ONE_READER: [one], SLOW: [slow], BOTH: [many, slow]}


def run(*, rounds: int, seconds: float) -> list[Delays]:
    """Measure all cases in turns; progress goes to stderr."""
    with Stack() as stack, floods(stack) as cases:
        found = [Delays(case) for case in cases]
        for number in range(rounds):
            for delays in found:
                print(f"{delays.case}, round {number + 1} of {rounds}", file=sys.stderr)
                settle(stack)
                first, second, *_ = (*map(running, cases[delays.case]), nullcontext(), nullcontext())
                with first, second:
                    threading.Event().wait(_WARM_SECONDS)
                    measure(stack, stack.token, delays, seconds=seconds)
    return found


def settle(stack: Stack) -> None:
    """Wait until the service and its workers do nothing, and delete the sizes."""

    def is_quiet() -> bool:
        before = processor_seconds(stack.pid("service"))
        threading.Event().wait(_QUIET_SECONDS)
        return processor_seconds(stack.pid("service")) - before < _QUIET_SECONDS / 10

    wait_until(is_quiet, "all work is done", seconds=_HOUR)
    empty(cache_of(stack))


def cache_of(stack: Stack) -> Path:
    """Return the folder of the sizes."""
    return stack.data_dir / "derivatives"


def table(figures: Sequence[Mapping[str, float | int | str]]) -> str:
    """Return the figures as a table to read."""
    columns = ["an upload beside", "uploads", "refused", "p50 ms", "p99 ms", "max ms"]
    return text_table(columns, [[str(value) for value in row.values()] for row in figures])


def measured() -> list[dict[str, float | int | str]]:
    """Measure the full form and keep its figures for docs/; return them."""
    figures = [delays.row() for delays in run(rounds=ROUNDS, seconds=SECONDS)]
    save("upload-delays", {"rounds": ROUNDS, "seconds": SECONDS, "rows": figures})
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one round of 3 s each; nothing is kept")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    options = parser.parse_args()
    figures = [delays.row() for delays in run(rounds=1, seconds=3)] if options.quick else measured()
    print(json.dumps(figures, indent=1) if options.json else table(figures))


if __name__ == "__main__":
    main()
