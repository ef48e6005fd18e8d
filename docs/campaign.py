"""The tables of docs/campaign.md, from the figures that `make campaign` has left."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from docs.tables import FIGURES, figure_table

_UNITS: Final = {"us": "µs", "ms": "ms", "s": "s"}


@dataclass(frozen=True, slots=True)
class Group:
    """Experiments whose names begin alike; they share one table."""

    first: str = "Experiment"
    """The heading of the first column."""
    headings: Mapping[str, str] = field(default_factory=dict)
    """Headings of figures whose names are not clear enough, in the order of the table."""


GROUPS: Final[Mapping[str, Group]] = {
    "browser": Group(),
    "fuzz": Group(
        headings={
            "seed": "seed",
            "sets": "header sets sent",
            "wrong": "answered against the rules",
            "server_errors": "answered with a server error (5xx)",
            "disagreements": "nginx and Python disagree",
            "embedders": "embedders compared",
            "other_embedders": "other embedders in nginx than in Python",
            "undecided": "undecided by the rules",
            "kinds": "kinds of sets that the rules distinguish",
            "behind": "pipelined: sent before the previous answer",
            "http_2": "sent over HTTP/2",
            "http_1_0": "sent over HTTP/1.0",
            "referer_or_origin_twice": "with Referer or Origin twice",
            "others_twice": "with Sec-Fetch or User-Agent twice",
            "raw_bytes": "with bytes outside ASCII",
            "of_8_kb": "with a line of 8 KB or more",
            "seconds": "time, s",
        }
    ),
    "paths": Group(
        first="Addresses",
        headings={
            "seed": "seed",
            "asked": "addresses asked for",
            "secrets": "answers with a secret",
            "wrong": "other wrong answers",
            "answered_200": "200: the one picture, by its own address",
            "answered_403": "403: the hotlink picture",
            "answered_404": "404: the missing picture",
            "answered_400": "400",
            "answered_431": "431: too long",
            "closed": "closed without an answer",
        },
    ),
    "old addresses": Group(
        headings={
            "seed": "seed",
            "asked": "addresses asked of the service",
            "sent_to_a_key": "sent to the picture that was asked for",
            "sent_elsewhere": "sent anywhere else",
            "wrong": "other wrong answers",
        }
    ),
    "denied alike": Group(first="Who asks", headings={"compared": "answers compared", "different": "different ones"}),
    "denied time": Group(
        first="Who asks",
        headings={
            "pairs": "pairs",
            "answer_us": "an answer, µs",
            "difference_us": "picture minus none, µs",
            "interval_us": "interval, µs",
            "standard_errors": "standard errors",
        },
    ),
    "poisoning": Group(
        headings={
            "attempts": "attempts",
            "verdicts_kept": "verdicts cached at the same time",
            "permissions": "permissions among them",
        }
    ),
    "sites": Group(
        headings={
            "sites": "sites on the list",
            "hosts_asked": "hosts asked about",
            "allowed": "allowed",
            "wrong": "decided wrongly",
            "two_changes_s": "two changes took, s",
        }
    ),
    "faults": Group(
        first="Fault",
        headings={
            "reads": "allowed reads",
            "reads_during": "of these, during the fault",
            "failed": "failed",
            "asked_again": "asked again, as browsers do",
            "p99_ms": "p99, ms",
            "baseline_p99_ms": "p99 before, ms",
            "slowest_ms": "slowest, ms",
            "uploads": "uploads stored",
            "moments": "moments of the fault",
            "moments_with_uploads": "of these, with an upload under way",
            "in_flight": "uploads under way at them",
            "refused": "refused",
            "uploads_failed": "uploads failed",
            "lost": "lost",
            "strangers": "strangers refused",
            "strangers_otherwise": "answered otherwise",
        },
    ),
    "corpus": Group(
        headings={
            "pictures": "pictures",
            "chromium": "shown by Chromium",
            "libvips": "decoded by libvips",
            "displayed": "displayed by Pillow, Chromium and libvips",
            "sent": "cut and spoilt ones",
            "taken": "taken",
            "decoded": "of these, decoded by Pillow before and after cleaning",
            "kinds": "of each kind",
            "refused": "refused",
            "server_errors": "answered with a server error (5xx)",
            "slowest_refusal_ms": "slowest refusal, ms",
            "service_growth_mb": "most that the service grew, MB",
            "codes": "codes",
            "seed": "seed",
        }
    ),
    "mixed traffic": Group(
        headings={
            "minutes": "minutes",
            "uploads": "uploads",
            "reads": "reads",
            "failed": "failed",
            "service_first_mb": "service, first half, MB",
            "service_second_mb": "service, second half, MB",
            "worker_first_mb": "worker, first half, MB",
            "worker_second_mb": "worker, second half, MB",
        }
    ),
    "slow connections": Group(
        headings={
            "half_open": "half-open",
            "slow_bodies": "slow bodies",
            "silent": "of the half-open: silent",
            "half_a_head": "of the half-open: half a head",
            "refused_body": "of the bodies: an upload without a token",
            "half_a_body": "of the bodies: an upload with a token",
            "ended_by_nginx": "ended by nginx and opened again",
            "kib_each": "memory of nginx for each, KiB",
        }
    ),
    "stampedes": Group(
        first="Stampede",
        headings={
            "hosts": "hosts",
            "otherwise": "answered otherwise than refused",
            "hosts_per_second": "hosts a second",
            "cache_files": "most verdicts kept",
            "service_growth_mib": "service grew, MiB",
            "worker_growth_mib": "an nginx worker grew, MiB",
        },
    ),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One experiment's figures."""

    group: str
    name: str
    figures: Mapping[str, float | str]
    machine: Mapping[str, str]


def campaign_parts(file: Path = FIGURES / "campaign.jsonl") -> dict[str, str]:
    """Return the table of each group by the group's name."""
    lines = _lines(file)
    names = dict.fromkeys([*GROUPS, *(line.group for line in lines)])
    return {name: _part(GROUPS.get(name, Group()), [line for line in lines if line.group == name]) for name in names}


def _lines(file: Path) -> list[Line]:
    """Read the file; an experiment is called `group: name`, or `group`."""
    found = []
    for text in file.read_text(encoding="utf-8").splitlines() if file.exists() else []:
        figures = json.loads(text)
        group, _, name = figures.pop("experiment").partition(": ")
        found.append(Line(group, name or group, machine=figures.pop("machine"), figures=figures))
    return found


def _part(group: Group, lines: Sequence[Line]) -> str:
    if not lines:
        return "Not measured yet.\n"
    places = dict.fromkeys(_place(line.machine) for line in lines)
    return f"{_table(group, lines)}\nMeasured on {'; on '.join(places)}.\n"


def _table(group: Group, lines: Sequence[Line]) -> str:
    """Return a row for each experiment; of a single experiment, a row for each figure."""
    present = dict.fromkeys(key for line in lines for key in line.figures)
    keys = [*(key for key in group.headings if key in present), *(key for key in present if key not in group.headings)]
    headings = [group.headings.get(key) or _plain(key) for key in keys]
    cells = [[_cell(line.figures.get(key, "")) for key in keys] for line in lines]
    if len(lines) == 1:
        return figure_table([group.first, lines[0].name], list(zip(headings, cells[0], strict=True)))
    return figure_table([group.first, *headings], [[line.name, *row] for line, row in zip(lines, cells, strict=True)])


def _plain(key: str) -> str:
    """Turn `first_try_ms` into `first try, ms`."""
    words = key.split("_")
    unit = _UNITS.get(words[-1]) if len(words) > 1 else None
    return f"{' '.join(words[:-1])}, {unit}" if unit else " ".join(words)


def _cell(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:,}"


def _place(machine: Mapping[str, str]) -> str:
    facts = dict(machine)
    day, cores = facts.pop("day"), facts.pop("cores")
    names = {"kernel": "Linux", "python": "Python", "nginx": "nginx"}
    versions = ", ".join(f"{names.get(name, name)} {text}" for name, text in facts.items())
    return f"{day}: {cores} cores, {versions}"
