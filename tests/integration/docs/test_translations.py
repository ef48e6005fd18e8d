"""Each page that exists in English and in Chinese has the same sections, commands and tables in both."""

from pathlib import Path

import pytest

from tests.support.docs.markdown import (
    TRANSLATIONS,
    Block,
    blocks,
    heading_levels,
    name_of,
    spans,
    spans_of,
    tables,
)

MUST_EXIST = {"README.md", "docs/verdict.md", "docs/operations.md"}
every_pair = pytest.mark.parametrize(
    ("english", "chinese"), TRANSLATIONS.items(), ids=[name_of(page) for page in TRANSLATIONS]
)


def test_pages_that_bloggers_need_exist_in_chinese() -> None:
    assert {name_of(page) for page in TRANSLATIONS} >= MUST_EXIST


@every_pair
def test_sections_have_the_same_levels_in_the_same_order(english: Path, chinese: Path) -> None:
    assert heading_levels(english) == heading_levels(chinese)
    assert heading_levels(english)


@every_pair
def test_commands_and_examples_are_the_same(english: Path, chinese: Path) -> None:
    assert [_copied(block) for block in blocks(english)] == [_copied(block) for block in blocks(chinese)]
    assert any(block.language == "sh" for block in blocks(english))


@every_pair
def test_tables_have_the_same_rows(english: Path, chinese: Path) -> None:
    def shape(page: Path) -> list[list[tuple[int, list[str]]]]:
        return [[(len(row), spans_of(row[0])) for row in table] for table in tables(page)]

    assert shape(english) == shape(chinese)


@every_pair
def test_names_in_backticks_are_the_same(english: Path, chinese: Path) -> None:
    assert set(spans(english)) == set(spans(chinese))


def _copied(block: Block) -> Block:
    # The words in a diagram are translated.
    is_diagram = block.language == "text" and "+--" in block.text
    return Block(block.language, "" if is_diagram else block.text)
