"""Draw the base case's rates as an SVG bar chart, for light and dark pages."""

from collections.abc import Sequence
from typing import Any, Final
from xml.sax.saxutils import escape

WIDTH: Final = 760
LEFT: Final = 210
RIGHT: Final = 130
BAR: Final = 18
STEP: Final = 27
TOP: Final = 74

_STYLE: Final = """
  .page { fill: #ffffff } .text { fill: #1f2328 } .faint { fill: #59636e } .line { stroke: #d1d9e0 }
  .ours { fill: #0f7b6c } .nginx { fill: #8c959f } .python { fill: #b35900 }
  text { font: 13px system-ui, sans-serif } .title { font-size: 15px; font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } .text { fill: #e6edf3 } .faint { fill: #9198a1 } .line { stroke: #3d444d }
    .ours { fill: #2fbfa7 } .nginx { fill: #7d8590 } .python { fill: #f0883e }
  }
"""
_LEGEND: Final = (("ours", "authsvc"), ("nginx", "nginx alone"), ("python", "Python in every read"))


def draw(rows: Sequence[dict[str, Any]]) -> str:
    """Return the chart of the rows of the base group, in their order."""
    shown = [row for row in rows if row["group"] == "base" and "again" not in row["case"]]
    fastest = max((row["rate"] for row in shown), default=1)
    height = TOP + STEP * len(shown) + 14
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">',
        "<title>Reads per second of authsvc and other servers, as in the table</title>",
        f"<style>{_STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{height}"/>',
        '<text class="text title" x="16" y="26">Reads a second on one core: 10 KB pictures, 32 connections</text>',
        *_legend(),
        f'<line class="line" x1="{LEFT}" x2="{LEFT}" y1="{TOP - 8}" y2="{height - 12}"/>',
    ]
    for number, row in enumerate(shown):
        parts += _bar(row, TOP + STEP * number, (WIDTH - LEFT - RIGHT) * row["rate"] / fastest)
    return "\n".join([*parts, "</svg>\n"])


def _legend() -> list[str]:
    parts = []
    for number, (whose, meaning) in enumerate(_LEGEND):
        left = LEFT + number * 150
        parts.append(f'<rect class="{whose}" x="{left}" y="42" width="12" height="12" rx="2"/>')
        parts.append(f'<text class="faint" x="{left + 18}" y="53">{escape(meaning)}</text>')
    return parts


def _bar(row: dict[str, Any], top: float, length: float) -> list[str]:
    middle = top + BAR - 4
    note = f"{row['rate']:,} ({row['ratio']:.2f})" if row["case"] != row["against"] else f"{row['rate']:,}"
    return [
        f'<text class="text" x="{LEFT - 10}" y="{middle}" text-anchor="end">{escape(row["case"])}</text>',
        f'<rect class="{row["whose"]}" x="{LEFT}" y="{top}" width="{max(length, 1):.1f}" height="{BAR}" rx="2"/>',
        f'<text class="faint" x="{LEFT + length + 8:.1f}" y="{middle}">{note}</text>',
    ]
