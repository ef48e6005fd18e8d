"""Write docs/campaign.md: what the long tests have found, from the figures that they left."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.figures import markdown_table

FIGURES: Final = Path(__file__).resolve().parent / "figures" / "campaign.jsonl"
NOTICE: Final = "<!-- Written by docs/campaign.py from docs/figures/campaign.jsonl: run `make campaign`. -->\n\n"

HEAD: Final = """# What the long tests found

authsvc promises that a picture shows on the pages of the sites on the list and on no others, and that nothing which
happens to the service keeps a reader of those pages from it. `make test` tries this in a short form, after every
change. The long form takes about an hour on two cores:

```sh
make campaign
```

It starts the real product again and again: nginx, the service, its files in a folder of their own, and the browsers
that a Debian has. Nothing is simulated but the readers. A test that finds one wrong answer fails; the tables say how
much was tried, and what was counted. To repeat a part alone, name its folder; the other figures stay as they are:

```sh
make campaign CAMPAIGN=tests/http/fuzz
```

Each table says where and when it was measured. What was tried differs little from machine to machine; times do.
"""

NOT_SHOWN: Final = """## What this does not show

- **That there is no other way.** Made-up requests find what their makers thought of, or what lies near it. No wrong
  answer among 100,000 means that a request drawn in the same way is wrong less than once in 33,000 (95 % sure); it
  says nothing of one that is never drawn.
- **That a picture is secret.** Whoever has its address can fetch it with a program that names an allowed page. See
  [who is shown a picture](verdict.md#infrequently-asked-questions).
- **What other browsers do.** The browsers here are Debian's Chromium and Firefox. Safari, and the editors whose
  previews are told by their User-Agent, are not run: only what they send is sent.
- **Other networks and machines.** All traffic stays on one machine, which does the asking too. A slow disk, a lossy
  line or another nginx version was not part of it; the version that was stands beside each table.
- **Disks that fill up one by one.** The full disk here is one disk for everything: pictures, catalog, spool, nginx's
  files and logs.
- **A power cut.** Here processes are killed and stopped, and the kernel and the disk go on.
- **Equal time to the last nanosecond.** Two answers that differ by less than the interval in the table would not be
  told apart here, nor, with as few requests, by anybody else.
"""

_CLOCKED: Final = {"us": "µs", "ms": "ms", "s": "s"}


@dataclass(frozen=True, slots=True)
class Group:
    """Experiments whose names begin alike; one table."""

    title: str
    about: str
    tests: tuple[str, ...]
    """Where these are, in the checkout."""
    first: str = "Experiment"
    """What the first column holds."""
    headings: Mapping[str, str] = field(default_factory=dict)
    """Plain words for figures whose names are not plain enough; in the table's order."""

    @property
    def folder(self) -> str:
        """What `CAMPAIGN` has to be for these figures alone."""
        return shlex.quote(" ".join(self.tests))


GROUPS: Final[Mapping[str, Group]] = {
    "browser": Group(
        "Browsers and the ways to embed a picture",
        "A real browser opens pages on several sites over HTTPS and shows a picture in each way that a page can.\n"
        "What counts is what the page really shows: the picture, the hotlink picture, or nothing.",
        ("tests/system/browser",),
    ),
    "fuzz": Group(
        "Made-up headers",
        "Sets of Referer, Origin, Sec-Fetch and User-Agent headers, as browsers send them and as attackers might,\n"
        "go through nginx, many at once on one connection. Each answer is compared with three things: what the\n"
        "rules say (told by another URL parser, [ada](https://www.ada-url.com/), that the product does not use),\n"
        "what the product's own Python code says, and that it is no server error. *Undecided* are sets for which\n"
        "the rules leave two answers open, such as a tab in front of a value; nginx and Python must agree on these\n"
        "too. Of some of the sets sent over HTTP/1, the embedder in nginx's log is also compared with Python's: the\n"
        "very host or word by which the answer was decided, not the answer alone. Each campaign draws other sets;\n"
        "`FUZZ_SEED=… make campaign CAMPAIGN=tests/http/fuzz` repeats these.",
        ("tests/http/fuzz",),
        headings={
            "seed": "drawn from the seed",
            "sets": "header sets sent",
            "wrong": "answered otherwise than the rules say",
            "server_errors": "answered with a server error (5xx)",
            "disagreements": "decided otherwise by nginx than by Python",
            "embedders": "embedders compared",
            "other_embedders": "other embedders in nginx than in Python",
            "undecided": "undecided by the rules",
            "kinds": "kinds of sets that the rules tell apart",
            "behind": "sent behind one without an answer yet",
            "http_2": "sent over HTTP/2",
            "http_1_0": "sent over HTTP/1.0",
            "referer_or_origin_twice": "with Referer or Origin twice",
            "others_twice": "with Sec-Fetch or User-Agent twice",
            "raw_bytes": "with bytes outside ASCII",
            "of_8_kb": "with a line of 8 KB or more",
            "seconds": "time, s",
        },
    ),
    "paths": Group(
        "Made-up addresses",
        "Files with a secret word lie all over the data folder, readable for nginx: in the settings, the catalog,\n"
        "the logs, the spool, beside the store and in it. Addresses are made up to reach them, by `..`, escapes,\n"
        "backslashes, NULs and names that nginx uses within. An answer that holds the word fails the test.",
        ("tests/http/blackbox",),
        first="Addresses",
        headings={
            "seed": "drawn from the seed",
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
        "Where the service sends nginx",
        "For odd spellings of old addresses (`/?path=…`) the service names nginx a file, by the header\n"
        "X-Accel-Redirect, which can reach any place inside nginx. It must name the store's own file of a\n"
        "well-formed address, or nothing.",
        ("tests/http/blackbox",),
        headings={
            "seed": "drawn from the seed",
            "asked": "addresses asked of the service",
            "sent_to_a_key": "sent to the very picture that was asked for",
            "sent_elsewhere": "sent anywhere else",
            "wrong": "other wrong answers",
        },
    ),
    "denied alike": Group(
        "Denied answers, byte for byte",
        "Whoever is denied must not learn whether there is a picture: status, headers and body are compared, over\n"
        "addresses of a picture and of none, with ranges, conditions and the like.",
        ("tests/http/blackbox",),
        first="Who asks",
        headings={"compared": "answers compared", "different": "different ones"},
    ),
    "denied time": Group(
        "Denied answers, by the clock",
        "The same question for the time. Pairs of requests, one for a picture and one for none, in an order that is\n"
        "drawn for each pair. The test fails beyond 4.5 standard errors, which chance reaches once in 150,000\n"
        "comparisons. The interval is that of the difference, as sure as the test: it holds 0 where nothing was\n"
        "found. The last line is no denied answer; it shows that the comparison finds a difference where there is\n"
        "one.",
        ("tests/http/blackbox",),
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
        "Attempts to poison the kept verdicts",
        "nginx keeps the service's verdicts for some seconds. Each attempt (two headers, other cases, folded and\n"
        "split lines, requests within requests) tries to have a permission kept for a stranger.",
        ("tests/http/blackbox",),
        headings={
            "attempts": "attempts",
            "verdicts_kept": "verdicts kept meanwhile",
            "permissions": "permissions among them",
        },
    ),
    "sites": Group(
        "Long lists of sites",
        "Hosts on a long list, and hosts that only look like them, are decided as on a short one; a change takes\n"
        "effect in the promised 10 seconds.",
        ("tests/http/blackbox",),
        headings={
            "sites": "sites on the list",
            "hosts_asked": "hosts asked about",
            "allowed": "allowed",
            "wrong": "decided wrongly",
            "two_changes_s": "two changes took, s",
        },
    ),
    "faults": Group(
        "Faults under load",
        "Readers and uploads go on all the while, and every answer is counted, when something is broken on purpose.\n"
        "Each fault is shown to have really happened. The slowest one in a hundred reads (p99) may take 50 ms\n"
        "longer than before the fault. *Refused* uploads were told so and can be sent again; *lost* would be one\n"
        "that was acknowledged and cannot be read. Service and nginx are those of `authsvc up`; the row\n"
        "`make install` is a whole server with systemd, which builds another release meanwhile. *Moments* are those\n"
        "at which the service was ended, nginx reloaded, or the crowd complete.",
        ("tests/system/faults", "tests/system/server/test_upgrade.py"),
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
        "Pictures, whole and spoilt",
        "Pictures of every kind: progressive, CMYK, 16 bits, palettes, interlaced, animated, turned, with\n"
        "profiles, HDR gain maps, AVIF of 10 and 12 bits and of tiles, with what cameras and phones write into\n"
        "them. Whole ones are uploaded, and opened by Pillow, Chromium and libvips: what all three display has to\n"
        "be taken. Then each is cut off at every percent of its length and has one byte flipped, at a thousand\n"
        "places, one upload each: taken or refused by a code of its own, within a second, and the service goes\n"
        "on. In the last row bytes are flipped, gone, doubled or moved, most of them where no pixels are; what\n"
        "is taken all the same is cleaned, and has to be clean then and show the same. Files that are built to do\n"
        "harm (bombs of pixels, frames, scans and zlib; other formats within a picture) are in the same folder.",
        ("tests/http/corpus",),
        headings={
            "pictures": "pictures",
            "chromium": "shown by Chromium",
            "libvips": "decoded by libvips",
            "displayed": "displayed by Pillow, Chromium and libvips",
            "sent": "cut and spoilt ones",
            "taken": "taken",
            "decoded": "of these, decoded by Pillow before and after",
            "kinds": "of each kind",
            "refused": "refused",
            "server_errors": "answered with a server error (5xx)",
            "slowest_refusal_ms": "slowest refusal, ms",
            "service_growth_mb": "most that the service grew, MB",
            "codes": "codes",
            "seed": "drawn from the seed",
        },
    ),
    "mixed traffic": Group(
        "Half an hour of everything",
        "Two clients upload pictures of all kinds and sizes, two read pictures and smaller sizes, most of which\n"
        "are made for them; the cache of sizes is small, so that it is trimmed all the time. Memory is the most\n"
        "of each half of the time: of the service, and of the larger worker.",
        ("tests/http/corpus/test_mixed_traffic.py",),
        headings={
            "minutes": "minutes",
            "uploads": "uploads",
            "reads": "reads",
            "failed": "failed",
            "service_first_mb": "service, first half, MB",
            "service_second_mb": "service, second half, MB",
            "worker_first_mb": "worker, first half, MB",
            "worker_second_mb": "worker, second half, MB",
        },
    ),
    "slow connections": Group(
        "Slow connections",
        "What stood before nginx in the row *half-open connections and slow bodies* above, at its end: connections\n"
        "that say nothing or half a request's head, and beside them uploads whose bodies come a byte at a time. nginx\n"
        "ends them after a while, and each is opened again.",
        ("tests/system/faults/test_crowds.py",),
        headings={
            "half_open": "half-open",
            "slow_bodies": "slow bodies",
            "silent": "of the half-open: silent",
            "half_a_head": "of the half-open: half a head",
            "refused_body": "of the bodies: an upload without a token",
            "half_a_body": "of the bodies: an upload with a token",
            "ended_by_nginx": "ended by nginx and opened again",
            "kib_each": "memory of nginx for each, KiB",
        },
    ),
    "stampedes": Group(
        "Stampedes of strangers",
        "What the strangers of the rows *stampede* above cost: each names a host that nobody has named before.",
        ("tests/system/faults/test_crowds.py",),
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


def campaign_page(file: Path = FIGURES) -> str:
    """Return the page; a group without figures says how to get them."""
    lines = _lines(file)
    others = dict.fromkeys(line.group for line in lines if line.group not in GROUPS)
    groups = {**GROUPS, **{name: Group(name.capitalize(), "", ()) for name in others}}
    sections = [_section(group, [line for line in lines if line.group == name]) for name, group in groups.items()]
    return NOTICE + "\n".join([HEAD, *sections, NOT_SHOWN])


def _lines(file: Path) -> list[Line]:
    """Read the file; an experiment is called `group: name`, or `group` alone."""
    found = []
    for text in file.read_text(encoding="utf-8").splitlines() if file.exists() else []:
        figures = json.loads(text)
        group, _, name = figures.pop("experiment").partition(": ")
        found.append(Line(group, name or group, machine=figures.pop("machine"), figures=figures))
    return found


def _section(group: Group, lines: Sequence[Line]) -> str:
    parts = [f"## {group.title}\n", f"{group.about}\n"] if group.about else [f"## {group.title}\n"]
    if not lines:
        return "\n".join([*parts, f"No figures yet: `make campaign CAMPAIGN={group.folder}`.\n"])
    places = dict.fromkeys(_place(line.machine) for line in lines)
    links = ", ".join(f"[{test}](../{test})" for test in group.tests)
    where = f"On {'; on '.join(places)}." + (f" Tests: {links}." if links else "")
    return "\n".join([*parts, _table(group, lines), f"{where}\n"])


def _table(group: Group, lines: Sequence[Line]) -> str:
    """Return a row for each experiment, or, of a single one, for each figure."""
    present = dict.fromkeys(key for line in lines for key in line.figures)
    keys = [*(key for key in group.headings if key in present), *(key for key in present if key not in group.headings)]
    headings = [group.headings.get(key) or _plain(key) for key in keys]
    cells = [[_cell(line.figures.get(key, "")) for key in keys] for line in lines]
    if len(lines) == 1:
        return markdown_table([group.first, lines[0].name], list(zip(headings, cells[0], strict=True)))
    return markdown_table([group.first, *headings], [[line.name, *row] for line, row in zip(lines, cells, strict=True)])


def _plain(key: str) -> str:
    """ConfigLock `first_try_ms` into `first try, ms`."""
    words = key.split("_")
    unit = _CLOCKED.get(words[-1]) if len(words) > 1 else None
    return f"{' '.join(words[:-1])}, {unit}" if unit else " ".join(words)


def _cell(value: float | str) -> str:
    return value.replace("|", "\\|") if isinstance(value, str) else f"{value:,}"


def _place(machine: Mapping[str, str]) -> str:
    said = dict(machine)
    day, cores = said.pop("day"), said.pop("cores")
    versions = ", ".join(f"{'Linux' if name == 'kernel' else name.capitalize()} {text}" for name, text in said.items())
    return f"{day}: {cores} cores, {versions}".replace("Nginx", "nginx")
