import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from authsvc.cli.context import EXIT_DENIED, EXIT_FAILED
from authsvc.cli.root import authsvc
from authsvc.errors import AnswerError, AuthsvcError
from authsvc.settings import Settings
from docs.commandtree import contexts
from tests.support.docs.markdown import DOCS, ROOT, section

GENERATED = (
    "docs/settings.md",
    "docs/commands.md",
    "docs/errors.md",
    "docs/verdict.md",
    "docs/zh/verdict.md",
    "docs/campaign.md",
    "docs/performance.md",
    "docs/images.md",
    "docs/authsvc.1",
    "completions/authsvc.bash",
    "completions/authsvc.zsh",
    "completions/authsvc.fish",
)


def kinds(kind: type[AuthsvcError]) -> Iterator[type[AuthsvcError]]:
    yield kind
    for sub in kind.__subclasses__():
        yield from kinds(sub)


COMMANDS = {context.command_path: context.command for context in contexts(authsvc, "authsvc")}
ERRORS = {kind.code: kind for kind in kinds(AnswerError) if issubclass(kind, AnswerError) and "code" in vars(kind)}
every_command = pytest.mark.parametrize("path", COMMANDS)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of pages that `make docs` would write now."""
    folder = tmp_path_factory.mktemp("pages")
    subprocess.run([sys.executable, "-m", "docs.generate", str(folder)], cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("name", GENERATED)
def test_committed_page_is_what_the_code_says_now(name: str, fresh: Path) -> None:
    assert (ROOT / name).read_text() == (fresh / name).read_text(), "run `make docs`"


def test_no_generated_page_is_left_unchecked(fresh: Path) -> None:
    written = [str(path.relative_to(fresh)) for path in fresh.rglob("*") if path.is_file()]
    assert sorted(written) == sorted(GENERATED)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_setting_has_a_row_with_its_meaning_and_variable(name: str) -> None:
    rows = [line for line in (DOCS / "settings.md").read_text().splitlines() if line.startswith(f"| `{name}` |")]
    assert len(rows) == 1
    description = Settings.model_fields[name].description
    assert description
    assert description in rows[0]
    assert f"`AUTHSVC_{name.upper()}`" in rows[0]


@every_command
def test_command_has_a_section_with_its_explanation(path: str) -> None:
    text = section(DOCS / "commands.md", f"## `{path}`")
    explanation = COMMANDS[path].help
    assert explanation
    assert explanation.splitlines()[0].strip() in text


@every_command
def test_every_option_is_listed_and_explained(path: str) -> None:
    text = section(DOCS / "commands.md", f"## `{path}`")
    for option in COMMANDS[path].params:
        if isinstance(option, click.Option):
            assert f"| `{option.opts[0]}" in text, f"{path} {option.opts[0]} is missing"
            assert option.help, f"{path} {option.opts[0]} has no help"
            assert option.help.split("[")[0].strip() in text


@every_command
def test_every_argument_is_explained_where_its_command_is(path: str) -> None:
    for argument in COMMANDS[path].params:
        if isinstance(argument, click.Argument):
            word = (argument.metavar or (argument.name or "").upper()).removesuffix("...")
            assert word in (COMMANDS[path].help or ""), f"{path} does not say what {word} is"


@pytest.mark.parametrize("status", [0, EXIT_FAILED, click.UsageError.exit_code, EXIT_DENIED])
def test_exit_status_is_documented(status: int) -> None:
    assert f"\n| {status} | " in (DOCS / "commands.md").read_text()


@pytest.mark.parametrize("code", ERRORS)
def test_error_code_has_a_row_with_status_meaning_and_advice(code: str) -> None:
    kind = ERRORS[code]
    rows = [
        line
        for line in (DOCS / "errors.md").read_text().splitlines()
        if line.startswith(f"| {kind.status} | `{code}` |")
    ]
    assert len(rows) == 1
    cells = [cell.strip() for cell in rows[0].strip("|").split("|")]
    assert len(cells[2].split()) > 3, "what it means"
    assert len(cells[3].split()) > 3, "what to do"
    assert cells[4] == ("-" if kind.retry_after is None else f"{kind.retry_after} s")


def test_every_error_has_its_own_code() -> None:
    answers = [kind for kind in kinds(AnswerError) if issubclass(kind, AnswerError) and "code" in vars(kind)]
    assert len(answers) == len(ERRORS)
