"""The tables of docs/performance.md, from the figures of `make bench-read` and `make bench-upload`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from docs.tables import FIGURES, figure_table, measured_on
from docs.targets import Target, at_least, at_most, target_table

Row = Mapping[str, Any]

BASE_GROUP: Final = "base"
"""What bench/reads_cases.py calls the cases that all others are compared with."""
_MAX_SHARE_PERCENT: Final = 0.1
"""Reads that add at most this to the service's share of a core count as adding nothing."""
_ALONE: Final = "alone"
"""What bench/upload_delays.py calls an upload without other work."""
_MAX_DELAY_MS: Final = 1000
"""An upload that takes longer than this beside other work misses its target."""
_MAX_GROWTH_MB: Final = 15
"""Memory of the service that grows by at most this under a load counts as flat."""


def performance_parts(folder: Path = FIGURES) -> dict[str, str]:
    """Return the generated parts of the page by name."""
    reads = json.loads((folder / "reads.json").read_text(encoding="utf-8"))
    uploads = json.loads((folder / "uploads.json").read_text(encoding="utf-8"))
    delays = json.loads((folder / "upload-delays.json").read_text(encoding="utf-8"))
    return {
        "reads": measured_on(reads["machine"]) + "\n" + _reads(reads["rows"]),
        "instructions": _instructions(reads["instructions"]),
        "service": _service(reads["service"], reads["rows"]),
        "targets of reads": target_table(read_targets(reads)),
        "uploads": measured_on(uploads["machine"]) + "\n" + _uploads(uploads["rows"]),
        "targets of uploads": target_table(upload_targets(uploads)),
        "delays": measured_on(delays["machine"]) + "\n" + _delays(delays["rows"]),
        "targets of delays": target_table(delay_targets(delays)),
    }


def _reads(rows: Sequence[Row]) -> str:
    groups = dict.fromkeys(row["group"] for row in rows)
    parts = []
    for group in groups:
        chosen = [row for row in rows if row["group"] == group]
        title = "Base case" if group == BASE_GROUP else group
        parts.append(f"**{title}**: {chosen[0]['what']}\n\n{_rates(chosen)}")
    return "\n".join(parts)


def _rates(rows: Sequence[Row]) -> str:
    columns = (
        "Case",
        "Reads/s",
        "Ratio",
        "Middle half",
        "Compared with",
        "µs/read",
        "p99 ms",
        "p99 ratio",
        "Core busy",
    )
    return figure_table(
        columns,
        [
            (
                row["case"],
                f"{row['rate']:,}",
                f"{row['ratio']:.2f}" if row["ratio"] < 10 else f"{row['ratio']:.0f}",  # noqa: PLR2004 — two digits
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


def _instructions(rows: Sequence[Row]) -> str:
    return figure_table(
        ("Case", "Headers", "Instructions", "Ratio", "Compared with"),
        [
            (row["case"], row["headers"], f"{row['instructions']:,}", f"{row['ratio']:.2f}", row["against"])
            for row in rows
        ],
    )


def _service(costs: Mapping[str, float], reads: Sequence[Row]) -> str:
    under_reads = [row["service_percent"] for row in reads if row["group"] == BASE_GROUP and "service_percent" in row]
    rows = [
        ("CPU at rest", f"{costs['rest_percent']:.2f} % of a core"),
        *(("CPU under reads", f"{percent:.2f} % of a core") for percent in under_reads),
        ("Memory at rest, RSS", f"{costs['rss_mb']:.1f} MB"),
        ("Memory at rest, PSS (shared pages count in part)", f"{costs['pss_mb']:.1f} MB"),
        ("First start, on an empty folder", f"{costs['first_start_s']:.2f} s"),
        ("Later starts, median", f"{costs['start_s']:.2f} s"),
        ("Later starts, slowest", f"{costs['slowest_start_s']:.2f} s"),
    ]
    return figure_table(("What", "Figure"), rows)


def _uploads(rows: Sequence[Row]) -> str:
    columns = ["Size", "Clients", "Server", "Uploads/s", "÷ 2018 script", "÷ nginx PUT", "p50 ms", "p99 ms"]
    columns += ["nginx ms", "Service ms", "Load's core", "MB before", "MB peak", "MB after round 1", "MB after"]
    memory = ("rss_before_mb", "rss_peak_mb", "rss_first_mb", "rss_behind_mb")
    return figure_table(
        columns,
        [
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
                *(f"{row[name]:.0f}" if row[name] else "" for name in memory),
            )
            for row in rows
        ],
    )


def _delays(rows: Sequence[Row]) -> str:
    return figure_table(
        ("Upload of 10 KB", "Uploads", "Refused", "p50 ms", "p99 ms", "Slowest ms"),
        [
            (
                row["case"],
                str(row["uploads"]),
                str(row["refused"]),
                *(f"{row[name]:,.0f}" for name in ("p50_ms", "p99_ms", "max_ms")),
            )
            for row in rows
        ],
    )


def read_targets(figures: Mapping[str, Any]) -> list[Target]:
    """Return the targets of reads."""
    base = {row["case"]: row for row in figures["rows"] if row["group"] == BASE_GROUP}
    sites = {row["case"]: row for row in figures["rows"] if row["group"] == "50,000 sites"}
    counted = {(row["case"], row["headers"]): row for row in figures["instructions"]}
    known, original, costs = base.get("known site"), base.get("the 2018 way on Sanic"), figures["service"]
    share = _figure(known, "service_percent")
    return [
        at_least("known site ÷ nginx with the same headers, reads/s", 0.95, _figure(known, "ratio")),
        *(
            at_most(
                f"known site ÷ nginx with the same headers, instructions, {title}",
                1.5,
                _figure(counted.get(("known site", headers)), "ratio"),
            )
            for title, headers in (("a browser's headers", "a browser's"), ("Referer only", "Referer alone"))
        ),
        at_least(
            "known site ÷ the 2018 script, reads/s",
            15,
            known["rate"] / original["rate"] if known and original else None,
        ),
        at_most("known site ÷ nginx with the same headers, p99", 1.2, _figure(known, "p99_ratio")),
        *(
            at_least(f"{case} ÷ nginx with the same placeholder, reads/s", 0.9, _figure(base.get(case), "ratio"))
            for case in ("hidden", "stranger")
        ),
        at_least("50,000 sites ÷ 10 sites, reads/s", 0.97, _figure(sites.get("known site, 50,000 sites"), "ratio")),
        at_most("service at rest, memory (RSS)", 60, _figure(costs, "rss_mb"), "MB"),
        at_most(
            "CPU of the service that reads of a known site add",
            _MAX_SHARE_PERCENT,
            share - costs["rest_percent"] if share is not None and costs else None,
            "% of a core",
        ),
        at_most("start to the first good answer, median of later starts", 1.0, _figure(costs, "start_s"), "s"),
    ]


def upload_targets(figures: Mapping[str, Any]) -> list[Target]:
    """Return the targets of uploads."""
    ours = [row for row in figures["rows"] if row["way"] == "ours, durable"]
    durable = next((row for row in ours if (row["size"], row["clients"]) == ("100 KB", 32)), None)
    growth = [row["rss_behind_mb"] - row["rss_before_mb"] for row in ours]
    later = [row["rss_behind_mb"] - row["rss_first_mb"] for row in ours]
    return [
        at_least("durable ÷ the 2018 script (not durable), 100 KB, 32 clients", 1.5, _figure(durable, "to_original")),
        at_least("durable ÷ nginx PUT (not durable), 100 KB, 32 clients", 0.45, _figure(durable, "to_put")),
        at_most(
            "service's memory (RSS), peak of all loads",
            150,
            max((row["rss_peak_mb"] for row in ours), default=None),
            "MB",
        ),
        at_most("growth of the service's memory within one load", _MAX_GROWTH_MB, max(growth, default=None), "MB"),
        at_most("the same after the load's first round", _MAX_GROWTH_MB, max(later, default=None), "MB"),
    ]


def delay_targets(figures: Mapping[str, Any]) -> list[Target]:
    """Return the targets of uploads beside other work: the slowest upload of each case."""
    return [
        at_most(f"{row['case']}, slowest", _MAX_DELAY_MS, row["max_ms"], "ms")
        for row in figures["rows"]
        if row["case"] != _ALONE
    ]


def _figure(row: Row | None, name: str) -> float | None:
    return float(row[name]) if row and name in row else None
