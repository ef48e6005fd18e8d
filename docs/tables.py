"""Tables in Markdown, and pages whose tables are generated while people write the text around them."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

FIGURES: Final = Path(__file__).resolve().parent / "figures"
"""What the benchmarks and the campaign have measured, as JSON."""

_PART: Final = re.compile(
    r"(?P<begin><!-- (?P<name>[a-z -]+): written by [^\n]*-->\n)(?P<text>.*?)(?P<end><!-- end of (?P=name) -->\n)",
    re.DOTALL,
)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose columns are aligned to the left."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") or "-" for cell in line) + " |\n" for line in lines)


def figure_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of figures: the first column is aligned to the left, the others to the right."""
    head, rule, *body = table(columns, rows).splitlines(keepends=True)
    return "".join([head, rule.replace("--- |", "---: |").replace("---:", "---", 1), *body])


def with_parts(page: Path, parts: Mapping[str, str]) -> str:
    """Return the text of `page` with each part between its two comments replaced.

    A part begins with `<!-- NAME: written by … -->` and ends with `<!-- end of NAME -->`. Raises ValueError
    unless the page has exactly the parts of `parts`, each once.
    """
    text = page.read_text(encoding="utf-8")
    found = [match["name"] for match in _PART.finditer(text)]
    if sorted(found) != sorted(parts):
        msg = f"{page} has the parts {sorted(found)}, not {sorted(parts)}"
        raise ValueError(msg)
    return _PART.sub(lambda match: f"{match['begin']}\n{parts[match['name']]}\n{match['end']}", text)


def measured_on(machine: Mapping[str, str]) -> str:
    """Return one line with the day and the machine of a measurement."""
    return (
        f"Measured on {machine['day']}: {machine['cores']} cores, Linux {machine['kernel']}, nginx {machine['nginx']}, "
        f"Python {machine['python']}.\n"
    )
