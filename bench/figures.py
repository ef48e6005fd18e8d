"""Keep figures for docs/, with what they were measured on."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from docs.tables import FIGURES
from tests.support.machine import machine


def save(name: str, figures: Mapping[str, Any], *, folder: Path = FIGURES) -> Path:
    """Write figures to `NAME.json` in `docs/figures` or another folder, with the machine and the day."""
    path = folder / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine(), **figures}, indent=1) + "\n")
    return path


def paired_ratios(mine: Sequence[float], others: Sequence[float]) -> list[float]:
    """Return the rounds' ratios, lowest first: what slows a whole round down falls out of them."""
    return sorted(one / other for one, other in zip(mine, others, strict=True))


def text_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table for a terminal, the first column to the left, the others to the right."""
    widths = [max(len(line[at]) for line in (columns, *rows)) for at in range(len(columns))]
    lines = []
    for line in (columns, *rows):
        cells = [
            line[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)),
        ]
        lines.append("  ".join(cells))
    return "\n".join(lines)
