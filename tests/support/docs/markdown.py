"""Read the project's pages: blocks, links, headings, tables."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
README = ROOT / "README.md"
README_ZH = ROOT / "README.zh-CN.md"
DOCS = ROOT / "docs"
ZH = DOCS / "zh"
PAGES = (*sorted(ROOT.glob("*.md")), *sorted(DOCS.glob("*.md")), *sorted(ZH.glob("*.md")))
TRANSLATIONS = {README: README_ZH} | {DOCS / page.name: page for page in sorted(ZH.glob("*.md"))}
"""The pages that exist in Chinese too, by the English one."""

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
_TABLE = re.compile(r"(?:^\|.*\|\n)+", re.MULTILINE)
_CELL_END = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language and its text."""

    language: str
    text: str


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str | None = None) -> list[Block]:
    found = [Block(match[1], match[2]) for match in _FENCE.finditer(page.read_text())]
    return [block for block in found if language in (None, block.language)]


def prose(page: Path) -> str:
    """Return the page without its fenced blocks."""
    return _FENCE.sub("", page.read_text())


def spans(page: Path) -> list[str]:
    """Return the texts in backticks outside of fenced blocks."""
    return spans_of(prose(page))


def spans_of(text: str) -> list[str]:
    """Return the texts in backticks in a piece of a page."""
    return [span.replace("\\|", "|") for span in _SPAN.findall(text)]


def links(page: Path) -> list[str]:
    return _LINK.findall(_SPAN.sub("", prose(page)))


def anchors(page: Path) -> set[str]:
    """Return what may follow # in a link to the page."""
    titles = (title.replace("`", "").lower() for _, title in _HEADING.findall(prose(page)))
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}


def heading_levels(page: Path) -> list[int]:
    """Return the level of each heading, in their order."""
    return [len(marks) for marks, _ in _HEADING.findall(prose(page))]


def tables(page: Path) -> list[list[list[str]]]:
    """Return the cells of each row of each table, without the row of dashes."""
    found = [match[0].splitlines() for match in _TABLE.finditer(prose(page))]
    return [[_cells(line) for number, line in enumerate(lines) if number != 1] for lines in found]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in _CELL_END.split(line)[1:-1]]


def section(page: Path, heading: str) -> str:
    """Return the text below a heading, up to the next one of its level or above."""
    text = page.read_text()
    level = heading.partition(" ")[0]
    start = text.index(f"{heading}\n")
    end = re.compile(rf"^#{{1,{len(level)}}} ", re.MULTILINE).search(text, start + len(heading))
    return text[start : end.start() if end else len(text)]


def shell_lines(page: Path) -> Iterator[str]:
    """Yield every command line of the page's shell blocks."""
    for block in blocks(page, "sh"):
        yield from block.text.splitlines()
