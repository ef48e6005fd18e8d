"""Targets: a figure, its limit, and whether the limit is met."""

from collections.abc import Sequence
from dataclasses import dataclass

from docs.tables import figure_table


@dataclass(frozen=True, slots=True)
class Target:
    """One limit. `measured` is None when the run that was kept has no such figure."""

    what: str
    limit: float
    is_at_least: bool
    measured: float | None
    unit: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the figure is within the limit."""
        return self.measured is not None and self._margin(self.measured) >= 0

    @property
    def outcome(self) -> str:
        """`yes`, or by how much the limit is missed; "" without a figure."""
        if self.measured is None or self.is_met:
            return "yes" if self.is_met else ""
        missed = -self._margin(self.measured)
        share = f" ({spelled(missed / self.limit * 100)} % of the limit)" if self.limit else ""
        return f"**no**, by {spelled(missed)} {self.unit}".rstrip() + share

    def _margin(self, measured: float) -> float:
        """Return how far a figure is within the limit; negative when it misses."""
        return measured - self.limit if self.is_at_least else self.limit - measured


def at_least(what: str, limit: float, measured: float | None, unit: str = "") -> Target:
    """Return a target that a figure reaches or exceeds."""
    return Target(what, limit, is_at_least=True, measured=measured, unit=unit)


def at_most(what: str, limit: float, measured: float | None, unit: str = "") -> Target:
    """Return a target that a figure must not exceed."""
    return Target(what, limit, is_at_least=False, measured=measured, unit=unit)


def spelled(figure: float) -> str:
    """Return a figure with three significant digits, or all digits before the point."""
    return f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.3g}"  # noqa: PLR2004 — three digits before the point


def target_table(targets: Sequence[Target]) -> str:
    """Return the table of targets."""
    rows = [
        (
            target.what,
            f"{'≥' if target.is_at_least else '≤'} {target.limit:g} {target.unit}".strip(),
            "not measured" if target.measured is None else f"{spelled(target.measured)} {target.unit}".strip(),
            target.outcome,
        )
        for target in targets
    ]
    return figure_table(("Target", "Limit", "Measured", "Met"), rows)
