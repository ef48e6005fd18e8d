"""The limits that the figures are held against, by how much they keep them, and why not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from authsvc.uploads.spool import BLOCK_BYTES
from bench.reads_cases import (
    AGAIN,
    BASE_GROUP,
    HIDDEN_CASE,
    KNOWN_SITE,
    MANY_SITES,
    ORIGINAL,
    REFUSED_AGAIN,
    REFUSING,
    SAME,
    SITES_GROUP,
    STRANGER_CASE,
    TWIN,
)
from bench.reads_reasons import memory_reason, p99_reason, profile_reason, rate_reason, share_reason, start_reason
from bench.service_costs import STARTS

Row = Mapping[str, Any]

SHARE_PERCENT: Final = 0.1
"""What reads may add to the service's share of a core and still count as adding nothing."""
TO_ORIGINAL: Final = 1.5
"""How many times as fast as the 2018 way uploads have to be."""
GROWTH_MB: Final = 15
"""What the service's memory may grow by under a load, and as it goes on, and still count as flat."""


@dataclass(frozen=True)
class Target:
    """One limit. `measured` is None where this run has no figure for it; `why` says what the figure comes from."""

    what: str
    limit: float
    is_at_least: bool
    measured: float | None
    unit: str = ""
    why: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the figure keeps the limit."""
        return self.measured is not None and self._distance(self.measured) >= 0

    @property
    def outcome(self) -> str:
        """Whether the limit is kept and, if it is not, by how much it is missed."""
        if self.measured is None or self.is_met:
            return "yes" if self.is_met else ""
        missed = -self._distance(self.measured)
        share = f" ({spelled(missed / self.limit * 100)} % of the limit)" if self.limit else ""
        return f"**no**, by {spelled(missed)} {self.unit}".rstrip() + share

    def _distance(self, measured: float) -> float:
        """Return how far a figure is on the good side."""
        return measured - self.limit if self.is_at_least else self.limit - measured


def spelled(figure: float) -> str:
    """Return a figure with the digits that say something."""
    return f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.3g}"  # noqa: PLR2004 — no digits behind the point


def read_targets(figures: Mapping[str, Any]) -> list[Target]:
    """Return the targets of reads, from what bench/reads.py has saved."""
    rows = {row["case"]: row for row in figures["rows"] if row["group"] == BASE_GROUP}
    counted = {(row["case"], row["headers"]): row for row in figures["instructions"]}
    return [
        *_known_targets(rows, counted),
        *_refused_targets(rows, counted),
        _sites_target({row["case"]: row for row in figures["rows"] if row["group"] == SITES_GROUP}),
        *_service_targets(rows.get(KNOWN_SITE), figures["service"]),
    ]


def _known_targets(rows: Mapping[str, Row], counted: Mapping[tuple[str, str], Row]) -> list[Target]:
    known, same, original, again = (rows.get(name) for name in (KNOWN_SITE, SAME, ORIGINAL, AGAIN))
    profiles = [(headers, counted.get((KNOWN_SITE, headers))) for headers in ("a browser's", "Referer alone")]
    return [
        _at_least(
            "known site ÷ nginx with the same headers, reads/s",
            0.95,
            _figure(known, "ratio"),
            rate_reason(known, same, noise=again, profile=profiles[0][1]),
        ),
        *(
            _at_most(
                f"known site ÷ nginx with the same headers, instructions, {headers} headers",
                1.5,
                _figure(profile, "ratio"),
                why=profile_reason(profile),
            )
            for headers, profile in profiles
        ),
        _at_least(
            "known site ÷ the 2018 way, reads/s",
            15,
            known["rate"] / original["rate"] if known and original else None,
            rate_reason(known, original, noise=again),
        ),
        _at_most(
            "known site ÷ nginx with the same headers, p99",
            1.2,
            _figure(known, "p99_ratio"),
            why=p99_reason(known, same, noise=again),
        ),
    ]


def _refused_targets(rows: Mapping[str, Row], counted: Mapping[tuple[str, str], Row]) -> list[Target]:
    return [
        _at_least(
            f"{case} ÷ nginx with the same placeholder, reads/s",
            0.9,
            _figure(rows.get(case), "ratio"),
            rate_reason(
                rows.get(case), rows.get(REFUSING), noise=rows.get(REFUSED_AGAIN), profile=counted.get((case, headers))
            ),
        )
        for case, headers in ((HIDDEN_CASE, "a browser's, no Referer"), (STRANGER_CASE, "a browser's"))
    ]


def _sites_target(rows: Mapping[str, Row]) -> Target:
    many = rows.get(MANY_SITES)
    return _at_least(
        "50,000 sites ÷ 10 sites, reads/s",
        0.97,
        _figure(many, "ratio"),
        rate_reason(many, rows.get(KNOWN_SITE), noise=rows.get(TWIN)),
    )


def _service_targets(known: Row | None, service: Row) -> list[Target]:
    share = _figure(known, "service_percent")
    added = share - service["rest_percent"] if share is not None and service else None
    shares = f": {share:.2f} % while they flow, {service['rest_percent']:.2f} % at rest" if added is not None else ""
    starts = (
        f" (the first start, on an empty folder: {service['first_start_s']:.2f} s; the slowest later one: "
        f"{service['slowest_start_s']:.2f} s)"
        if service
        else ""
    )
    return [
        _at_most("service at rest, memory (RSS)", 60, _figure(service, "rss_mb"), "MB", memory_reason(service)),
        _at_most(
            f"what reads of a known site add to the service's processor{shares}",
            SHARE_PERCENT,
            added,
            "% of a core",
            share_reason(known, service),
        ),
        _at_most(
            f"start to the first good answer, median of {STARTS} later starts{starts}",
            1.0,
            _figure(service, "start_s"),
            "s",
            start_reason(service),
        ),
    ]


def upload_targets(figures: Mapping[str, Any]) -> list[Target]:
    """Return the targets of uploads, from what bench/uploads.py has saved."""
    ours = [row for row in figures["rows"] if row["way"] == "ours, durable"]
    load = {row["way"]: row for row in figures["rows"] if (row["size"], row["clients"]) == ("100 KB", 32)}
    durable, why = load.get("ours, durable"), _upload_reason(load)
    highest = max(ours, key=lambda row: row["rss_peak_mb"], default=None)
    grown = max(ours, key=_growth, default=None)
    crept = max(ours, key=_later_growth, default=None)
    return [
        _at_least(
            "durable ÷ the 2018 way, which is not, 100 KB, 32 clients",
            TO_ORIGINAL,
            _figure(durable, "to_original"),
            why,
        ),
        _at_least("durable ÷ nginx's PUT, which is not, 100 KB, 32 clients", 0.45, _figure(durable, "to_put"), why),
        _at_most(
            "service's memory (RSS), the highest of all loads",
            150,
            _figure(highest, "rss_peak_mb"),
            "MB",
            _memory_course(highest),
        ),
        _at_most(
            "service's memory grown within one load, at most",
            GROWTH_MB,
            _growth(grown) if grown else None,
            "MB",
            _memory_course(grown),
        ),
        _at_most(
            "the same from behind the load's first round on",
            GROWTH_MB,
            _later_growth(crept) if crept else None,
            "MB",
            _memory_course(crept),
        ),
    ]


def _upload_reason(load: Mapping[str, Row]) -> str:
    """Return what an upload costs each way under one load, or "" if a way is not among the rows."""
    names = ("ours, durable", "ours, no fsync", "original's way", "nginx's PUT", "again")
    if not all(name in load for name in names):
        return ""
    durable, careless, original, put, again = (load[name] for name in names)
    below = (
        "" if put["to_original"] >= TO_ORIGINAL else f", so nothing that does more than PUT could reach {TO_ORIGINAL}"
    )
    return (
        f"At {durable['size']} and {durable['clients']} clients an upload takes {durable['nginx_ms']:.2f} ms of "
        f"nginx's processor and {durable['service_ms']:.2f} ms of the service's; the 2018 way takes "
        f"{original['nginx_ms']:.2f} ms and {original['service_ms']:.2f} ms, nginx's PUT {put['nginx_ms']:.2f} ms, all "
        f"of it nginx's. Without fsync the ratio to the 2018 way would be {careless['to_original']:.2f}, that to "
        f"nginx's PUT {careless['to_put']:.2f}. nginx's PUT itself reaches {put['to_original']:.2f} times the 2018 way "
        f"here{below}. The load kept a core busy to {durable['client_share']:.2f} (durable), "
        f"{original['client_share']:.2f} (2018 way) "
        f"and {put['client_share']:.2f} (PUT). The noise: the 2018 way again has {again['to_original']:.2f}."
    )


def _memory_course(row: Row | None) -> str:
    if row is None:
        return ""
    return (
        f"At {row['size']} and {row['clients']} clients the service had {row['rss_before_mb']:.1f} MB before, at most "
        f"{row['rss_peak_mb']:.1f} MB meanwhile, {row['rss_first_mb']:.1f} MB behind the first round and "
        f"{row['rss_behind_mb']:.1f} MB behind the last. Of the body of each upload up to {BLOCK_BYTES // 1024} KB "
        "wait in memory for their turn to be written, and as much again is on its way through socket, server and "
        "form; once taken, such memory is kept for the next upload."
    )


def _growth(row: Row) -> float:
    return float(row["rss_behind_mb"] - row["rss_before_mb"])


def _later_growth(row: Row) -> float:
    return float(row["rss_behind_mb"] - row["rss_first_mb"])


def _at_least(what: str, limit: float, measured: float | None, why: str) -> Target:
    return Target(what, limit, is_at_least=True, measured=measured, why=why)


def _at_most(what: str, limit: float, measured: float | None, unit: str = "", why: str = "") -> Target:
    return Target(what, limit, is_at_least=False, measured=measured, unit=unit, why=why)


def _figure(row: Row | None, name: str) -> float | None:
    return float(row[name]) if row and name in row else None
