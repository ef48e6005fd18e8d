"""Read the project's pages as a reader's browser does: blocks, links, headings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
README = ROOT / "README.md"
README_ZH = ROOT / "README.zh-CN.md"
DOCS = ROOT / "docs"
PAGES = (README, README_ZH, ROOT / "CHANGELOG.md", *sorted(DOCS.glob("*.md")))

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


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
    """Return what stands between backticks outside of fenced blocks."""
    return [span.replace("\\|", "|") for span in _SPAN.findall(prose(page))]


def links(page: Path) -> list[str]:
    return _LINK.findall(_SPAN.sub("", prose(page)))


def anchors(page: Path) -> set[str]:
    """Return what may follow # in a link to the page."""
    titles = (title.replace("`", "").lower() for title in _HEADING.findall(prose(page)))
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}


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
