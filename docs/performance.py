"""Write docs/performance.md from the figures that the measurements have left in docs/figures."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.figures import FOLDER, markdown_table
from bench.reads_cases import BASE_GROUP
from bench.service_costs import STARTS
from bench.targets import GROWTH_MB, SHARE_PERCENT, Target, read_targets, spelled, upload_targets

NOTICE: Final = (
    "<!-- Written by docs/performance.py from docs/figures: run `make bench-read`, `make bench-upload`. -->\n\n"
)

HEAD: Final = """# Performance

A picture that the pages of your sites show comes from nginx's own disk reads, after a look into nginx's own list of
sites. This page says what that look costs beside bare nginx, and beside other ways to guard pictures.

"""

READS_HOW: Final = """## Reads

```sh
make bench-read
```

measures all of this in one run of about a quarter of an hour, and writes this page again. `BENCH_ARGS=--quick` takes a
few minutes, `BENCH_ARGS="--only '2 MB'"` a part; neither keeps its figures.

- One nginx worker is pinned to one core. Python, where a way needs it, shares that core: every way has one core for
  all it does. The load (`wrk`, for HTTP/2 `h2load`) has the other core.
- Every way has the same files behind the same version of nginx, with an access log. nginx sends the files itself, with
  `sendfile` and kept open files, in all ways but two: for StaticFiles and the 2018 way Python reads and sends the
  bytes, and nginx passes them on.
- The cases of a group take turns, a second each. A ratio is the median of the ratios within the rounds, and beside it
  stands the range of the middle half of them.
- The requests carry what a browser sends: User-Agent, Accept, Sec-Fetch-*, Referer.
- `core` is how much of its core the server kept busy. Below about 0.95 the load was the limit, and the rate says
  little; the microseconds say more.

**The noise** is in the rows called "again": the same server, asked once more. Whatever they are off 1.00 by is no
difference between ways.

"""

INSTRUCTIONS_HOW: Final = """### Instructions

Rates depend on the machine and on what else it does. The number of instructions that nginx runs in user space for one
read does not. `callgrind` counts it: nginx as one process, one connection, N and 2 N reads, the difference divided by
N, so that the start is not in it. The kernel's part of a read is not in it either, and nothing here counts that part
alone: the microseconds a read, above, hold both. So a ratio here says less about rates than those do.

"""

UPLOADS_HOW: Final = """## Uploads

```sh
make bench-upload
```

measures uploads beside the way of the 2018 script (no fsync) and nginx's own PUT (no form, no name made from the
bytes, no fsync), which is the limit. Every upload is another picture on a connection of its own. "Durable" is the
product: an answer means that the picture outlives a power cut. "No fsync" is the same with an fsync that does nothing,
to show what it costs. The product walks through each picture, takes its metadata out and has a worker decode it before
it is kept; the others look at nothing. Its service ms are those of the service and its workers together.
"""

SERVICE_HOW: Final = f"""### The service

What the service costs while pictures are read. At rest nothing is asked of it; the reads are those of a known site, in
the base case. Each of the {STARTS} later starts is on the folder that the first one has made.

"""

READ_LIMITS: Final = f"""
Reads are taken to cost the service no processor at all if they add at most {SHARE_PERCENT} % of a core to what it uses
at rest. That bound is our reading of "none".
"""

UPLOAD_LIMITS: Final = f"""
Memory is taken to be flat if it grows by at most {GROWTH_MB} MB within one load, from before its first round to behind
its last. That limit is our reading of "flat". What a load's first round brings is the room for as many uploads at once;
the last row is what comes on top as the load goes on, and would tell a leak.
"""

UPLOAD_PROFILE: Final = """### Where the time of an upload goes

By profiles made by hand, apart from the table: decoding takes a worker 1.1 ms of processor for a PNG of 100 KB, of
which 0.7 ms are the same for a PNG of one pixel, and 2.6 ms for a JPEG of 100 KB. With 32 clients about 4 ms pass
between question and answer, so two workers end at 500 uploads a second. Storing pictures later, in larger groups, took
a tenth of the processor off each upload and kept no more of them.

Without decoding, in one process without sockets (the ASGI application alone, on a RAM disk), an upload of 100 KB takes
0.6 ms of processor with 32 at once. Of these 0.17 ms are md5 and SHA-256, 0.12 ms writing the file, and about 0.1 ms
the form; the question about the token is 0.01 ms. The rest of what the service takes in the table is HTTP itself in
Python, the system calls that make a picture outlive a power cut, and threads that wait for each other's turn at the
interpreter, which one of them holds for about 0.7 ms of each upload. So one process ends below 1,500 uploads a second,
however many cores there are and whatever the disk does; the 2018 way, which does none of this but HTTP and the write,
takes less than that in all.

What was tried: with the loop hashing the last 256 KB of a picture, a tenth more uploads are kept than with threads that
hash; with bodies of up to 256 KB in nginx's memory, an upload takes a third of nginx's processor; with all pictures of
a group under way to the disk before the first is waited for, groups wait less. Not taken: nginx could write the bodies
to files for the service, but such files are readable for nginx's user alone (mode 0600), and the service is another
user. Two services side by side, each with a catalog of its own, kept 1.5 times as many uploads as one on two cores that
they share with nginx and the load, with twice the memory at rest: less than the target of uploads, and more than that
of memory allows.

Between the rounds pictures are emptied, not deleted: for a minute ext4 gives no inode of a deleted file away if it can
help it, and looks for another, thousands of them for each new file right behind a round. Figures taken with deleted
pictures showed that search, above all in nginx's PUT.
"""

NOTES: Final = """## What to make of it

- Everything runs on one machine, over the loopback: no network card, no latency. On a real line, nginx is rarely the
  limit, and the differences shrink further.
- `tcp_nopush on` over the loopback can stall answers that nginx takes from a proxy cache by 40 ms. No case here sends
  a picture from one, and answers from files are not stalled; who adds such a case should look at its p99 first.
- The service that X-Accel-Redirect asks is a small Starlette service of the same kind, not the product's: it compares
  the Referer with a list of one and does nothing else.
- The 2018 way is written afresh, as its users ran it: one Sanic process behind nginx, every byte through Python. So is
  StaticFiles. More processes on more cores would give them more reads a second, at the same microseconds a read.
- `secure_link` decides by a signature in the address, not by who embeds; it is here for its cost.
- A stranger's first time asks the service and writes one small file; the answers that follow come from nginx's cache
  for ten seconds. A known site never asks, so a dead service changes nothing for it.
"""


def performance_page(folder: Path = FOLDER) -> str:
    """Return the page, from `reads.json` and `uploads.json` of a folder, each if it is there."""
    parts = [NOTICE + HEAD]
    if reads := _load(folder / "reads.json"):
        parts += _reads(reads)
    if uploads := _load(folder / "uploads.json"):
        parts += _uploads(uploads)
    return "\n".join([*parts, NOTES])


def _reads(figures: Mapping[str, Any]) -> list[str]:
    rows = figures["rows"]
    parts = [READS_HOW + _machine(figures["machine"])]
    parts.append("![Reads a second, as in the table below](figures/reads.svg)\n")
    for group in dict.fromkeys(row["group"] for row in rows):
        chosen = [row for row in rows if row["group"] == group]
        title = "The base case" if group == BASE_GROUP else group
        parts.append(f"### {title}\n\n{_sentence(chosen[0]['what'])}\n\n{_rates(chosen)}")
    if figures["instructions"]:
        parts.append(INSTRUCTIONS_HOW + _instructions(figures["instructions"]))
    if figures["service"]:
        parts.append(SERVICE_HOW + _service(figures["service"], rows))
    parts.append(f"### Targets of reads\n\n{_targets(read_targets(figures), READ_LIMITS)}")
    return parts


def _uploads(figures: Mapping[str, Any]) -> list[str]:
    columns = ["Size", "Clients", "Way", "Uploads/s", "÷ 2018 way", "÷ nginx's PUT", "p50 ms", "p99 ms"]
    columns += ["nginx ms", "service ms", "load's core", "MB before", "MB highest", "MB behind first", "MB behind"]
    rows = [
        (
            row["size"],
            str(row["clients"]),
            row["way"],
            f"{row['rate']:,.0f}",
            f"{row['to_original']:.2f}",
            f"{row['to_put']:.2f}",
            f"{row['p50_ms']:.1f}",
            f"{row['p99_ms']:.1f}",
            f"{row['nginx_ms']:.2f}",
            f"{row['service_ms']:.2f}" if row["service_ms"] else "",
            f"{row['client_share']:.2f}",
            *(
                f"{row[name]:.0f}" if row[name] else ""
                for name in ("rss_before_mb", "rss_peak_mb", "rss_first_mb", "rss_behind_mb")
            ),
        )
        for row in figures["rows"]
    ]
    about = (
        f"{UPLOADS_HOW}\nFigures are medians of {figures['rounds']} rounds of {figures['seconds']} s, in turns. nginx "
        "ms and service ms are processor time an upload; load's core is how busy the load kept a core; MB is the "
        "service's memory (RSS) before the first round, at its highest, behind the first round, and behind the "
        "last.\n\n"
    )
    return [
        about + _machine(figures["machine"]),
        markdown_table(columns, rows),
        f"### Targets of uploads\n\n{_targets(upload_targets(figures), UPLOAD_LIMITS)}",
        UPLOAD_PROFILE,
    ]


def _machine(machine: Mapping[str, str]) -> str:
    return (
        f"Measured on {machine['day']}: {machine['cores']} cores, Linux {machine['kernel']}, nginx {machine['nginx']}, "
        f"Python {machine['python']}.\n"
    )


def _rates(rows: Sequence[Mapping[str, Any]]) -> str:
    columns = ("Case", "Reads/s", "Ratio", "middle half", "to", "µs a read", "p99 ms", "p99 ratio", "core")
    return markdown_table(
        columns,
        [
            (
                row["case"],
                f"{row['rate']:,}",
                f"{row['ratio']:.2f}" if row["ratio"] < 10 else f"{row['ratio']:.0f}",  # noqa: PLR2004 — digits that say something
                f"{row['lowest']:.2f} to {row['highest']:.2f}" if row["case"] != row["against"] else "",
                row["against"] if row["case"] != row["against"] else "",
                f"{row['microseconds']:.1f}",
                f"{row['p99_ms']:.2f}",
                f"{row['p99_ratio']:.2f}",
                f"{row['busy']:.2f}",
            )
            for row in rows
        ],
    )


def _instructions(rows: Sequence[Mapping[str, Any]]) -> str:
    columns = ("Case", "Headers", "Instructions", "Ratio", "to")
    return markdown_table(
        columns,
        [
            (row["case"], row["headers"], f"{row['instructions']:,}", f"{row['ratio']:.2f}", row["against"])
            for row in rows
        ],
    )


def _service(costs: Mapping[str, float], reads: Sequence[Mapping[str, Any]]) -> str:
    flowing = [row["service_percent"] for row in reads if row["group"] == BASE_GROUP and "service_percent" in row]
    rows = [
        ("Processor at rest", f"{costs['rest_percent']:.2f} % of a core"),
        *(("Processor while reads flow", f"{percent:.2f} % of a core") for percent in flowing),
        ("Memory at rest, RSS", f"{costs['rss_mb']:.1f} MB"),
        ("Memory at rest, PSS: a page that processes share counts in part", f"{costs['pss_mb']:.1f} MB"),
        ("First start, on an empty folder", f"{costs['first_start_s']:.2f} s"),
        ("Later starts, median", f"{costs['start_s']:.2f} s"),
        ("Later starts, slowest", f"{costs['slowest_start_s']:.2f} s"),
    ]
    return markdown_table(("What", "Figure"), rows)


def _targets(targets: Sequence[Target], limits: str) -> str:
    """Return the table of targets, how its limits are read, and why those that are missed are."""
    rows = [
        (
            target.what,
            f"{'≥' if target.is_at_least else '≤'} {target.limit:g} {target.unit}".strip(),
            "not measured" if target.measured is None else f"{spelled(target.measured)} {target.unit}".strip(),
            target.outcome,
        )
        for target in targets
    ]
    table = markdown_table(("Target", "Limit", "Measured", "Kept"), rows)
    missed = [target for target in targets if target.measured is not None and not target.is_met]
    reasons: dict[str, list[str]] = {}
    for target in missed:
        reasons.setdefault(target.why, []).append(target.what)
    if not reasons:
        return table + limits
    whys = "".join(f"- **{'; '.join(whats)}**: {why}\n" for why, whats in reasons.items())
    return f"{table}{limits}\nWhy a target is missed, from the figures of the same run:\n\n{whys}"


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def _load(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded
