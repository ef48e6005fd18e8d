"""All pages: their links lead somewhere, and their commands and settings exist."""

import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest
from click.exceptions import Exit, NoArgsIsHelpError

from authsvc.cli.root import authsvc
from authsvc.settings import Settings
from tests.support.docs.markdown import (
    DOCS,
    PAGES,
    README,
    README_ZH,
    ROOT,
    TRANSLATIONS,
    anchors,
    blocks,
    links,
    name_of,
    shell_lines,
    spans,
)

every_page = pytest.mark.parametrize("page", PAGES, ids=name_of)
# Its usage lines are templates. test_generated_pages.py compares it with the code.
TEMPLATES = DOCS / "commands.md"


@every_page
def test_every_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent == DOCS], ids=name_of)
def test_readme_leads_to_every_page(page: Path) -> None:
    assert name_of(page) in links(README)


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent == DOCS], ids=name_of)
def test_chinese_readme_leads_to_every_page_in_chinese_where_it_exists(page: Path) -> None:
    assert name_of(TRANSLATIONS.get(page, page)) in links(README_ZH)


@every_page
def test_every_quoted_command_line_is_understood_by_the_command(page: Path) -> None:
    for line in _authsvc_lines(page):
        _parse(shlex.split(line)[1:], line)


@every_page
def test_every_quoted_make_target_exists(page: Path) -> None:
    quoted = [*shell_lines(page), *spans(page)]
    named = {match[1] for line in quoted if (match := re.match(r"make (?:-n )?([a-z-]+)", line.strip()))}
    rules = (ROOT / "Makefile").read_text() + (ROOT / "install.mk").read_text()
    assert named <= set(re.findall(r"^([a-z-]+):", rules, re.MULTILINE))


@every_page
def test_every_quoted_path_of_the_checkout_exists(page: Path) -> None:
    words = {word for text in (*spans(page), *shell_lines(page)) for word in text.split()}
    quoted = {word for word in words if re.fullmatch(r"(authsvc|docs|nginx|scripts|systemd|tests)/[\w./-]+", word)}
    # In the data folder and in /etc, nginx/ has other files.
    ours = {path for path in quoted if not path.startswith(("nginx/conf", "nginx/cache"))}
    assert sorted(path for path in ours if not (ROOT / path).exists()) == []


@every_page
def test_every_quoted_settings_file_names_settings(page: Path) -> None:
    for block in blocks(page, "toml"):
        assert tomllib.loads(block.text).keys() <= Settings.model_fields.keys()


def test_continuous_integration_runs_the_test_command_that_the_readme_names() -> None:
    assert "make test" in list(shell_lines(README))
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert lines[-1] == "exec make test"


def _authsvc_lines(page: Path) -> list[str]:
    in_prose = [span for span in spans(page) if span.startswith("authsvc ")]
    if page == TEMPLATES:
        return [span for span in in_prose if "NAME" in span]
    pieces = [piece.strip() for line in shell_lines(page) for piece in line.split("|")]
    return [*in_prose, *(piece for piece in pieces if re.match(r"(\.venv/bin/)?authsvc ", piece))]


def _parse(words: list[str], line: str) -> None:
    """Let click read the words as it would, without running the command."""
    command: click.Command = authsvc
    parent: click.Context | None = None
    name: str | None = "authsvc"
    try:
        while True:
            context = command.make_context(name, words, parent=parent)
            if not isinstance(command, click.Group):
                return
            found = command.resolve_command(context, [*context._protected_args, *context.args])
            name, sub, words = found
            assert sub is not None
            command, parent = sub, context
    except (NoArgsIsHelpError, Exit):
        return
    except click.UsageError as error:
        pytest.fail(f"{line}: {error.format_message()}")
