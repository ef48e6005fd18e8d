"""Measure reads through authsvc against bare nginx and other servers, in one run.

One nginx worker, pinned to core 0 together with any Python process it asks, is
saturated by wrk on core 1. The cases of a group take turns, round by round;
every figure is a median of rounds, every ratio the median of the rounds'
ratios. `the same again` is what it is compared with, once more: what it is off
1.00 by is the noise of this machine.
"""

import argparse
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from bench import figures
from bench.load import measure
from bench.read_instructions import instruction_rows
from bench.reads_cases import BASE_GROUP, KNOWN_SITE, Case, Group, groups, servers
from bench.reads_chart import draw
from bench.service_costs import measure_service
from docs.tables import FIGURES

ROUNDS: Final = 12
FACTOR_ROUNDS: Final = 16
SECONDS: Final = 1
QUICK_ROUNDS: Final = 2

Row = dict[str, Any]


def say(text: str) -> None:
    """Print progress on stderr."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def run(*, wanted: Callable[[str], bool], is_quick: bool) -> dict[str, Any]:
    """Measure all that is wanted; return the figures of it."""
    with tempfile.TemporaryDirectory(prefix="asv-", dir="/tmp") as folder:
        say("starting the servers and writing the pictures")
        with servers(Path(folder)) as running:
            service = dict(measure_service(running.service)) if wanted("service") else {}
            rows: list[Row] = []
            for group in groups(running, wanted):
                cases = _wanted_cases(group, wanted)
                if not cases:
                    continue
                rounds = QUICK_ROUNDS if is_quick else ROUNDS if group.name == BASE_GROUP else FACTOR_ROUNDS
                _take_turns(group.name, cases, rounds)
                rows += [row_of(group, case, cases) for case in cases]
            counted = instruction_rows(running, lambda name: wanted(f"instructions/{name}"), say)
            say("ending the servers and removing the pictures")
    return {"seconds": SECONDS, "rows": rows, "instructions": counted, "service": service}


def _wanted_cases(group: Group, wanted: Callable[[str], bool]) -> list[Case]:
    """Return the wanted cases, and those that they are compared with."""
    chosen = [case for case in group.cases if wanted(f"{group.name}/{case.name}")]
    needed = {case.against for case in chosen}
    return [case for case in group.cases if case in chosen or case.name in needed]


def _take_turns(name: str, cases: Sequence[Case], rounds: int) -> None:
    for number in range(rounds):
        say(f"{name}: round {number + 1} of {rounds}, {len(cases)} cases")
        # Every other round backwards, so that a machine that slows down harms all alike.
        for case in cases if number % 2 == 0 else reversed(cases):
            case.rounds.append(measure(case.target, seconds=SECONDS))


def row_of(group: Group, case: Case, cases: Sequence[Case]) -> Row:
    """Return what is saved of a case whose rounds, and those of the others, are done."""
    other = next(each for each in cases if each.name == case.against)
    rates, times = [each.rate for each in case.rounds], [each.p99_ms for each in case.rounds]
    ratios = figures.paired_ratios(rates, [each.rate for each in other.rounds])
    slower = figures.paired_ratios(times, [each.p99_ms for each in other.rounds])
    row: Row = {"group": group.name, "what": group.what, "case": case.name, "whose": case.whose}
    row |= {
        "rate": round(statistics.median(rates)),
        "against": case.against,
        "ratio": round(statistics.median(ratios), 3),
        "lowest": round(ratios[len(ratios) // 4], 3),
        "highest": round(ratios[-1 - len(ratios) // 4], 3),
        "microseconds": round(statistics.median(each.microseconds for each in case.rounds), 2),
        "p99_ms": round(statistics.median(times), 3),
        "p99_ratio": round(statistics.median(slower), 3),
        "busy": round(statistics.median(each.busy for each in case.rounds), 2),
    }
    if case.name == KNOWN_SITE and case.target.service:
        row["service_percent"] = round(statistics.mean(each.service_busy for each in case.rounds) * 100, 2)
    return row


def text(measured: dict[str, Any]) -> str:
    """Return the figures as tables for a terminal."""
    reads = [
        [
            row["group"],
            row["case"],
            f"{row['rate']}",
            f"{row['ratio']:.3f}",
            f"{row['lowest']:.2f}-{row['highest']:.2f}",
            f"{row['microseconds']:.1f}",
            f"{row['p99_ms']:.2f}",
            f"{row['p99_ratio']:.2f}",
            f"{row['busy']:.2f}",
        ]
        for row in measured["rows"]
    ]
    counted = [
        [row["case"], row["headers"], f"{row['instructions']}", f"{row['ratio']:.2f}"]
        for row in measured["instructions"]
    ]
    parts = []
    if reads:
        heads = ("varied", "case", "reads/s", "ratio", "half of them", "us/read", "p99 ms", "p99 ratio", "core")
        parts.append(figures.text_table(heads, reads))
    if counted:
        parts.append(figures.text_table(("case", "headers", "instructions", "ratio"), counted))
    if measured["service"]:
        parts.append("\n".join(f"{name} {value:.3g}" for name, value in measured["service"].items()))
    return "\n\n".join(parts)


def main() -> None:
    """Run the cases that the arguments select; keep the figures of the full form for docs/."""
    parser = argparse.ArgumentParser(prog="make bench-read", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds each; nothing is kept")
    parser.add_argument(
        "--only",
        metavar="PATTERN",
        default="",
        help="what has this regular expression in its name, such as 'base/known', '2 MB|256', 'instructions', "
        "'service'; nothing is kept",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="keep figures and chart there, in any form")
    options = parser.parse_args()
    begin = time.monotonic()
    measured = run(wanted=lambda name: bool(re.search(options.only, name)), is_quick=options.quick)
    measured["minutes"] = round((time.monotonic() - begin) / 60, 1)
    folder = options.out or (None if options.quick or options.only else FIGURES)
    if folder:
        say(f"kept in {figures.save('reads', measured, folder=folder)}")
        (folder / "reads.svg").write_text(draw(measured["rows"]))
    print(json.dumps(measured, indent=1) if options.json else text(measured))


if __name__ == "__main__":
    main()
