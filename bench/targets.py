"""The limits that the figures are held against, and by how much they keep them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Target:
    """One limit. `measured` is None where this run has no figure for it."""

    what: str
    limit: float
    is_at_least: bool
    measured: float | None
    unit: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the figure keeps the limit."""
        if self.measured is None:
            return False
        return self.measured >= self.limit if self.is_at_least else self.measured <= self.limit

    @property
    def margin(self) -> float:
        """How far the figure is on the good side, as a share of the limit; below zero it is missed."""
        if self.measured is None:
            return 0.0
        distance = self.measured - self.limit if self.is_at_least else self.limit - self.measured
        return distance / self.limit if self.limit else distance


def read_targets(figures: Mapping[str, Any]) -> list[Target]:
    """Return the targets of reads, from what bench/reads.py has saved."""
    rows = {(row["group"], row["case"]): row for row in figures["rows"]}
    known, same = rows.get(("base", "known site")), rows.get(("base", "nginx, same headers"))
    original = rows.get(("base", "the 2018 way on Sanic"))
    many = rows.get(("50,000 sites", "known site, 50,000 sites"))
    service = figures["service"]
    counted = {(row["case"], row["headers"]): row for row in figures["instructions"]}
    return [
        _target("known site ÷ nginx with the same headers, reads/s", 0.95, known, "ratio"),
        *(
            Target(
                f"known site ÷ nginx with the same headers, instructions, {headers} headers",
                1.5,
                is_at_least=False,
                measured=_figure(counted.get(("known site", headers)), "ratio"),
            )
            for headers in ("a browser's", "Referer alone")
        ),
        Target(
            "known site ÷ the 2018 way, reads/s",
            15,
            is_at_least=True,
            measured=known["rate"] / original["rate"] if known and original else None,
        ),
        _target("hidden ÷ nginx with the same placeholder, reads/s", 0.9, rows.get(("base", "hidden")), "ratio"),
        _target("stranger ÷ nginx with the same placeholder, reads/s", 0.9, rows.get(("base", "stranger")), "ratio"),
        _target("50,000 sites ÷ 10 sites, reads/s", 0.97, many, "ratio"),
        Target(
            "known site ÷ nginx with the same headers, p99",
            1.2,
            is_at_least=False,
            measured=known["p99_ratio"] if known and same else None,
        ),
        Target("service at rest, memory (RSS)", 60, is_at_least=False, measured=_figure(service, "rss_mb"), unit="MB"),
        Target(
            "service's processor time a known read",
            0.0,
            is_at_least=False,
            measured=_figure(known, "service_microseconds"),
            unit="µs",
        ),
        Target(
            "start to the first good answer", 1.0, is_at_least=False, measured=_figure(service, "start_s"), unit="s"
        ),
    ]


def upload_targets(figures: Mapping[str, Any]) -> list[Target]:
    """Return the targets of uploads, from what bench/uploads.py has saved."""
    rows: Sequence[Row] = [row for row in figures["rows"] if row["way"] == "ours, durable"]
    load = next((row for row in rows if (row["size"], row["clients"]) == ("100 KB", 32)), None)
    grown = _over(rows, lambda row: row["rss_behind_mb"] - row["rss_before_mb"])
    return [
        _target("durable ÷ the 2018 way, which is not, 100 KB, 32 clients", 1.5, load, "to_original"),
        _target("durable ÷ nginx's PUT, which is not, 100 KB, 32 clients", 0.45, load, "to_put"),
        Target(
            "service's memory (RSS), the highest of all loads",
            150,
            is_at_least=False,
            measured=_over(rows, lambda row: row["rss_peak_mb"]),
            unit="MB",
        ),
        Target("service's memory grown within one load, at most", 15, is_at_least=False, measured=grown, unit="MB"),
    ]


def _target(what: str, limit: float, row: Row | None, name: str) -> Target:
    return Target(what, limit, is_at_least=True, measured=_figure(row, name))


def _figure(row: Row | None, name: str) -> float | None:
    return float(row[name]) if row and name in row else None


def _over(rows: Sequence[Row], figure: Callable[[Row], float]) -> float | None:
    return max((figure(row) for row in rows), default=None)
