"""Measure uploads against the 2018 script and nginx's own PUT, in one run.

Every upload is another picture and has a connection of its own. All ways run
at once, on one file system, and take turns; between the turns their pictures
are emptied and the disk is quiet. Figures are medians of the rounds, as ratios
to the original's way, which is measured twice: what `again` is off 1.00 by is
the noise of this machine.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import upload_delays
from bench.figures import save, text_table
from bench.upload_pictures import halves
from bench.upload_round import Round, measure
from bench.upload_ways import Way, dav, original, ours

SIZES = {"10 KB": 10 * 2**10, "100 KB": 100 * 2**10, "5 MB": 5 * 2**20}
CLIENTS = (1, 8, 32)
ROUNDS, SECONDS = 5, 2
ORIGINAL, AGAIN, DAV = "original's way", "again", "nginx's PUT"
DURABLE, CARELESS = "ours, durable", "ours, no fsync"


@dataclass(frozen=True)
class Case:
    """One way under one load; `rounds` fills up."""

    size: str
    clients: int
    way: str
    rounds: list[Round] = field(default_factory=list)

    def median(self, figure: Callable[[Round], float]) -> float:
        """Return the median of one of a round's figures."""
        return statistics.median(map(figure, self.rounds))

    def row(self, base: float, limit: float) -> dict[str, float | int | str]:
        """Return what is saved and printed; `base` and `limit` are the rates compared to."""
        rate = self.median(lambda each: each.rate)
        return {
            "size": self.size,
            "clients": self.clients,
            "way": self.way,
            "rate": round(rate, 1),
            "to_original": round(rate / base, 2),
            "to_put": round(rate / limit, 2),
            "p50_ms": round(self.median(lambda each: each.p50_ms), 2),
            "p99_ms": round(self.median(lambda each: each.p99_ms), 2),
            "nginx_ms": round(self.median(lambda each: each.nginx_ms), 3),
            "service_ms": round(self.median(lambda each: each.service_ms), 3),
            "workers_ms": round(self.median(lambda each: each.workers_ms), 3),
            "client_share": round(self.median(lambda each: each.client_share), 2),
            "rss_before_mb": round(self.rounds[0].rss_before / 2**20, 1),
            "rss_first_mb": round(self.rounds[0].rss_behind / 2**20, 1),
            "rss_behind_mb": round(self.rounds[-1].rss_behind / 2**20, 1),
            "rss_peak_mb": round(max(each.rss_peak for each in self.rounds) / 2**20, 1),
        }


@contextmanager
def running() -> Iterator[dict[str, Way]]:
    """Run every way, all below one folder's file system."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="asv-", dir="/tmp")))
        for each in (folder, folder / "original", folder / "dav"):
            each.mkdir(exist_ok=True)
            each.chmod(0o755)
        rival = stack.enter_context(original(ORIGINAL, folder / "original"))
        yield {
            ORIGINAL: rival,
            DAV: stack.enter_context(dav(DAV, folder / "dav")),
            DURABLE: stack.enter_context(ours(DURABLE, is_durable=True)),
            CARELESS: stack.enter_context(ours(CARELESS, is_durable=False)),
            AGAIN: rival,
        }


def run(sizes: Sequence[str], clients: Sequence[int], *, rounds: int, seconds: int) -> list[Case]:
    """Measure and return every case; progress goes to stderr."""
    done: list[Case] = []
    with running() as ways, tempfile.TemporaryDirectory(prefix="asv-", dir="/tmp") as folder:
        for size in sizes:
            picture = halves(Path(folder), SIZES[size])
            for count in clients:
                cases = [Case(size, count, name) for name in ways]
                for turn in range(rounds):
                    print(f"{size}, {count} clients, round {turn + 1} of {rounds}", file=sys.stderr)
                    for case in cases:
                        case.rounds.append(measure(ways[case.way], picture, clients=count, seconds=seconds))
                done += cases
    return done


def rows(cases: Sequence[Case]) -> list[dict[str, float | int | str]]:
    """Return every case's figures, with ratios to the 2018 script and nginx's PUT under the same load."""
    rates = {(case.size, case.clients, case.way): case.median(lambda each: each.rate) for case in cases}
    return [case.row(rates[case.size, case.clients, ORIGINAL], rates[case.size, case.clients, DAV]) for case in cases]


def table(figures: Sequence[dict[str, float | int | str]]) -> str:
    """Return the figures as a table to read."""
    columns = ["size", "clients", "way", "uploads/s", "÷ original", "÷ PUT", "p50 ms", "p99 ms"]
    columns += ["nginx ms", "service ms", "of it workers", "client share", "RSS MB", "after round 1", "after", "peak"]
    return text_table(columns, [[str(value) for value in row.values()] for row in figures])


def main() -> None:
    """Run the cases that the arguments select; keep the figures of the full form for docs/."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one round of 1 s each; nothing is kept")
    parser.add_argument("--only", metavar="SIZE,CLIENTS", help='one load, such as "100 KB,32"; nothing is kept')
    parser.add_argument("--rounds", type=int, metavar="N", help=f"rounds, otherwise {ROUNDS}; nothing is kept")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    options = parser.parse_args()
    sizes, clients = list(SIZES), list(CLIENTS)
    if options.only:
        size, _, count = options.only.partition(",")
        sizes, clients = [size], [int(count)] if count else clients
    is_full = not (options.quick or options.only or options.rounds)
    rounds = options.rounds or (1 if options.quick else ROUNDS)
    figures = rows(run(sizes, clients, rounds=rounds, seconds=1 if options.quick else SECONDS))
    if is_full:
        save("uploads", {"rounds": ROUNDS, "seconds": SECONDS, "rows": figures})
    print(json.dumps(figures, indent=1) if options.json else table(figures))
    if is_full:
        print(upload_delays.table(upload_delays.measured()))


if __name__ == "__main__":
    main()
