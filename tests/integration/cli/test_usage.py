"""What every command has in common: help, wrong usage, failures, colours, completion."""

import os
import pty
import subprocess
from pathlib import Path

import pytest

from authsvc.cli.root import authsvc
from docs.commandtree import contexts
from tests.support.cli.command import Home
from tests.support.stack import AUTHSVC

COMMANDS = [context.command_path.removeprefix("authsvc ") for context in contexts(authsvc, "authsvc") if context.parent]
GROUPS = ["image", "nginx", "site", "token"]
SUMMARY_CHARACTERS = 45
ON_DATA = [
    "token list",
    "token add a",
    "token revoke a",
    "site list",
    "site add a.example",
    "site remove a.example",
    "image list",
    "image show /00/" + "0" * 30 + ".png",
    "image rm /00/" + "0" * 30 + ".png",
    "verdict",
    "reindex",
    "nginx render",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(home: Home, command: str) -> None:
    done = home.run(*command.split(), "--help")
    assert (done.status, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: authsvc {command} ")
    assert len(done.stdout.splitlines()[2].strip()) > 10, "a sentence"


@pytest.mark.parametrize("command", COMMANDS)
def test_summary_fits_its_column(command: str) -> None:
    """click cuts a longer one off, with dots at its end."""
    (context,) = (c for c in contexts(authsvc, "authsvc") if c.command_path == f"authsvc {command}")
    summary = context.command.get_short_help_str(SUMMARY_CHARACTERS)
    assert summary == context.command.get_short_help_str(1000)
    assert not summary.endswith(("...", "…"))


@pytest.mark.parametrize("group", ["", *GROUPS])
def test_no_summary_is_cut_off_on_a_terminal_of_80_columns(home: Home, group: str) -> None:
    assert "..." not in home.ok(*group.split(), "--help").partition("Commands:")[2]


def test_help_names_all_commands_and_exit_statuses(home: Home) -> None:
    text = home.ok("--help")
    assert [name for name in COMMANDS if " " not in name and f"\n  {name} " not in text] == []
    assert "Exit status: 0 success, 1 failure" in text


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param("nonsense", id="unknown command"),
        pytest.param("token nonsense", id="unknown command of a group"),
        pytest.param("token add", id="missing name"),
        pytest.param("token add a --scope root", id="unknown scope"),
        pytest.param("image list --limit 0", id="number out of range"),
        pytest.param("image rm", id="no keys"),
        pytest.param("up --port 65536", id="port out of range"),
        pytest.param("verdict --nonsense", id="unknown option"),
    ],
)
def test_wrong_usage_has_its_own_exit_status(home: Home, arguments: str) -> None:
    done = home.run(*arguments.split())
    assert (done.status, done.stdout) == (2, "")
    assert "Usage: authsvc" in done.stderr


@pytest.mark.parametrize("command", ON_DATA)
def test_missing_data_folder_is_one_line(tmp_path: Path, command: str) -> None:
    line = Home(tmp_path / "none").refusal(*command.split())
    assert "is not a data folder of authsvc" in line
    assert "authsvc init" in line
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("command", [command for command in ON_DATA if command != "nginx render"])
def test_damaged_catalog_is_one_line(home: Home, command: str) -> None:
    for file in (home.folder / "catalog").glob("*.sqlite3*"):
        file.write_bytes(b"no database " * 1000)
    assert "catalog" in home.refusal(*command.split())


def test_missing_settings_file_is_one_line(home: Home) -> None:
    done = home.run("token", "list", environment={"AUTHSVC_CONFIG": "/nowhere.toml"})
    assert (done.status, done.stderr) == (1, "authsvc: the settings file '/nowhere.toml' does not exist\n")


def on_terminal(*arguments: str) -> str:
    """Run `authsvc` on a terminal of 80 columns; return what is shown."""
    keyboard, screen = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"}
    process = subprocess.Popen([AUTHSVC, *arguments], stdin=screen, stdout=screen, stderr=screen, env=environment)
    os.close(screen)
    shown = b""
    try:
        while piece := os.read(keyboard, 4096):
            shown += piece
    except OSError:  # EIO: the last one has closed it
        process.wait(60)
    os.close(keyboard)
    return shown.decode()


@pytest.mark.parametrize(
    "command",
    [["verdict"], ["site", "list"], ["token", "revoke", "nobody"]],
    ids=["a verdict", "a table", "a failure"],
)
def test_colours_are_for_terminals_only(home: Home, command: list[str]) -> None:
    done = home.run(*command)
    assert "\x1b[" not in done.stdout + done.stderr
    assert "\x1b[" in on_terminal("--data-dir", str(home.folder), *command)


def test_tables_are_not_folded_off_a_terminal(home: Home) -> None:
    long = "a." * 100 + "example"
    home.ok("site", "add", long)
    assert long in home.ok("site", "list")
    folded = on_terminal("--data-dir", str(home.folder), "site", "list")
    assert long not in folded
    assert all(len(line.replace("\x1b[1m", "").replace("\x1b[0m", "")) <= 80 for line in folded.splitlines())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_is_there_for_every_shell(home: Home, shell: str) -> None:
    done = home.run(environment={"_AUTHSVC_COMPLETE": f"{shell}_source"})
    assert done.status == 0
    assert "_AUTHSVC_COMPLETE" in done.stdout


def test_completion_offers_commands(home: Home) -> None:
    asked = {"_AUTHSVC_COMPLETE": "bash_complete", "COMP_WORDS": "authsvc to", "COMP_CWORD": "1"}
    assert home.run(environment=asked).stdout == "plain,token\n"


def test_reader_that_goes_away_is_no_traceback(home: Home) -> None:
    command = f"{AUTHSVC} --data-dir {home.folder} check-config --json | head -c 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == ("{", "")


def test_failure_is_one_line_of_a_real_process(tmp_path: Path) -> None:
    command = [AUTHSVC, "--data-dir", str(tmp_path / "none"), "token", "list"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
