"""Write docs/performance.md from the figures that the measurements have left in docs/figures."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.figures import FOLDER, markdown_table
from bench.targets import Target, read_targets, upload_targets

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
- Every way reads the same files through the same version of nginx, with `sendfile`, kept open files and an access log.
  The cases of a group take turns, a second each. A ratio is the median of the ratios within the rounds, and beside it
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
N, so that the start is not in it. System calls are the same for a known site and for bare nginx, so the kernel's part,
which is the larger one, is the same as well, and the ratio of rates is much nearer to 1 than the ratio here.

"""

UPLOADS_HOW: Final = """## Uploads

```sh
make bench-upload
```

measures uploads beside the way of the 2018 script (no fsync) and nginx's own PUT (no form, no name made from the
bytes, no fsync), which is the limit. Every upload is another picture on a connection of its own. "Durable" is the
product: an answer means that the picture outlives a power cut. "No fsync" is the same with an fsync that does nothing,
to show what it costs.
"""

NOTES: Final = """## What to make of it

- Everything runs on one machine, over the loopback: no network card, no latency. On a real line, nginx is rarely the
  limit, and the differences shrink further.
- `tcp_nopush on` over the loopback can stall answers that nginx takes from a proxy cache by 40 ms. No case here sends
  a picture from one, and answers from files are not stalled; who adds such a case should look at its p99 first.
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
        title = "The base case" if group == "base" else group
        parts.append(f"### {title}\n\n{_sentence(chosen[0]['what'])}\n\n{_rates(chosen)}")
    if figures["instructions"]:
        parts.append(INSTRUCTIONS_HOW + _instructions(figures["instructions"]))
    parts.append(f"### Targets of reads\n\n{_targets(read_targets(figures))}{_why(figures)}")
    return parts


def _uploads(figures: Mapping[str, Any]) -> list[str]:
    columns = ("Size", "Clients", "Way", "Uploads/s", "÷ 2018 way", "÷ nginx's PUT", "p50 ms", "p99 ms", "Memory MB")
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
            f"{row['rss_peak_mb']:.0f}" if row["rss_peak_mb"] else "",
        )
        for row in figures["rows"]
    ]
    about = (
        f"{UPLOADS_HOW}Figures are medians of {figures['rounds']} rounds of {figures['seconds']} s, in turns; memory "
        "is the service's highest.\n\n"
    )
    return [
        about + _machine(figures["machine"]),
        markdown_table(columns, rows),
        f"### Targets of uploads\n\n{_targets(upload_targets(figures))}",
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


def _targets(targets: Sequence[Target]) -> str:
    rows = [
        (
            target.what,
            f"{'≥' if target.is_at_least else '≤'} {target.limit:g} {target.unit}".strip(),
            "not measured" if target.measured is None else f"{target.measured:.3g} {target.unit}".strip(),
            _outcome(target),
        )
        for target in targets
    ]
    return markdown_table(("Target", "Limit", "Measured", "Kept"), rows)


def _outcome(target: Target) -> str:
    if target.measured is None:
        return ""
    return "yes" if target.is_met else f"**no**, by {-target.margin:.0%}" if target.limit else "**no**"


def _why(figures: Mapping[str, Any]) -> str:
    """Return where the instructions beyond bare nginx's go, for what missed its target by rate or count."""
    missed = {target.what.partition(" ÷ ")[0] for target in read_targets(figures) if not target.is_met}
    parts = []
    for row in figures["instructions"]:
        if row["case"] in missed and row["case"] != row["against"]:
            functions = ", ".join(f"`{name}` {spent:,}" for name, spent in list(row["more_than_that"].items())[:8])
            parts.append(
                f"- {row['case']} (headers: {row['headers']}): {row['instructions']:,} instructions, "
                f"{row['ratio']:.2f} times those of {row['against']}. Most of what is more: {functions}."
            )
    if not parts:
        return ""
    return "\nWhere the missing part goes, by callgrind (numbers are functions without a name, such as compiled " + (
        "regular expressions):\n\n" + "\n".join(parts) + "\n"
    )


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def _load(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded
