"""Why reads miss a target: sentences made of the figures that were saved beside it."""

from collections.abc import Mapping
from typing import Any, Final

Row = Mapping[str, Any]

SATURATED: Final = 0.95
"""The share of a core below which the load, not the server, was the limit."""
FUNCTIONS: Final = 8


def rate_reason(row: Row | None, other: Row | None, *, noise: Row | None = None, profile: Row | None = None) -> str:
    """Return what the rate beside another's comes from; "" without both.

    `noise` is a case that does the same work as `other`; `profile` counts the instructions of `row`.
    """
    if row is None or other is None:
        return ""
    parts = [_processor(row, other)]
    if min(row["busy"], other["busy"]) < SATURATED:
        parts.append("So the load was the limit of at least one of them, and the microseconds say more than the rates.")
    if row["against"] == other["case"]:
        parts.append(f"The middle half of the rounds' ratios is {_half(row)}.")
    if noise:
        parts.append(
            f"The noise: {noise['case']}, which does the same work, has {noise['ratio']:.3f} ({_half(noise)})."
        )
    if profile:
        parts.append(profile_reason(profile))
    return " ".join(parts)


def p99_reason(row: Row | None, other: Row | None, *, noise: Row | None) -> str:
    """Return what the slowest reads beside another's come from; "" without both."""
    if row is None or other is None:
        return ""
    text = f"p99 is {row['p99_ms']:.2f} ms for {row['case']}, {other['p99_ms']:.2f} ms for {other['case']}."
    if noise:
        text += f" The noise: {noise['case']}, which does the same work, has {noise['p99_ratio']:.2f} times its p99."
    return f"{text} {_processor(row, other)}"


def profile_reason(row: Row | None) -> str:
    """Return where the instructions beyond those of bare nginx go, by callgrind; "" without a profile."""
    if row is None:
        return ""
    most = [f"`{name}` {spent:,}" for name, spent in list(row["more_than_that"].items())[:FUNCTIONS] if spent > 0]
    return (
        f"By callgrind (headers: {row['headers']}) {row['case']} takes {row['instructions']:,} instructions, "
        f"{row['ratio']:.2f} times those of {row['against']}. Most of what is more: {', '.join(most) or 'nothing'} "
        "(a number is a function without a name, such as a compiled regular expression)."
    )


def share_reason(known: Row | None, service: Row) -> str:
    """Return what processor the service took with and without reads; "" without both."""
    if not known or not service:
        return ""
    return (
        f"The service took {known['service_percent']:.2f} % of a core while reads of a known site flowed, "
        f"{service['rest_percent']:.2f} % at rest. nginx asks it nothing for such a read ({known['rate']:,} a second "
        "flowed), so this is work of its own, or the difference of two short looks at it."
    )


def memory_reason(service: Row) -> str:
    """Return what is in the service's memory at rest; "" without figures."""
    if not service:
        return ""
    return (
        f"Of {service['rss_mb']:.1f} MB, {service['pss_mb']:.1f} MB are left if a page that processes share counts in "
        "part. It has hardly been asked anything yet, so nearly all of this is there from the start."
    )


def start_reason(service: Row) -> str:
    """Return how starts differ; "" without figures."""
    if not service:
        return ""
    return (
        f"The first start, which also makes the catalog, took {service['first_start_s']:.2f} s, so "
        f"{service['first_start_s'] - service['start_s']:+.2f} s to the median of later ones, "
        f"{service['start_s']:.2f} s; the slowest of these took {service['slowest_start_s']:.2f} s."
    )


def _processor(row: Row, other: Row) -> str:
    return (
        f"A read takes {row['microseconds']:.1f} µs of processor for {row['case']}, {other['microseconds']:.1f} µs for "
        f"{other['case']}, {row['microseconds'] / other['microseconds']:.2f} times as much; the server's core was busy "
        f"to {row['busy']:.2f} and {other['busy']:.2f}."
    )


def _half(row: Row) -> str:
    return f"{row['lowest']:.2f} to {row['highest']:.2f}"
