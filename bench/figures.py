"""Keep figures for docs/, with what they were measured on."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parents[1] / "docs" / "figures"


def save(name: str, figures: Mapping[str, Any], *, folder: Path = FOLDER) -> Path:
    """Write figures to `NAME.json` in `docs/figures` or another folder, beside the machine and the day."""
    path = folder / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine(), **figures}, indent=1) + "\n")
    return path


def machine() -> dict[str, str]:
    """Return what figures depend on, without anybody's name."""
    nginx = subprocess.run(["/usr/sbin/nginx", "-v"], capture_output=True, text=True, check=True).stderr
    return {
        "cores": str(os.cpu_count()),
        "kernel": platform.release().split("-")[0],
        "python": platform.python_version(),
        "nginx": nginx.strip().rpartition("/")[2],
        "day": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


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


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table for a page, the first column to the left, the others to the right."""
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "".join("| " + " | ".join(cell or "-" for cell in line) + " |\n" for line in lines)
