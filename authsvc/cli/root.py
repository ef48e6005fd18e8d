"""The entry point of the command line, and the options before every command."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Final

import click

from authsvc import __version__
from authsvc.cli.context import Given, fail
from authsvc.errors import AuthsvcError, Broken

_COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "check-config": ("setup", "check_config"),
    "doctor": ("doctor", "doctor"),
    "image": ("image", "image"),
    "init": ("setup", "init"),
    "new-config": ("new_config", "new_config"),
    "nginx": ("nginx", "nginx"),
    "reindex": ("setup", "reindex_command"),
    "serve": ("serve", "serve"),
    "site": ("site", "site"),
    "token": ("token", "token"),
    "up": ("up", "up"),
    "verdict": ("verdict", "verdict"),
}
"""For each command, its module and its name in that module."""


class _Commands(click.Group):
    """The commands. Each is loaded when it is used: loading all of them takes 0.3 s."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 — click's
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 — click's
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f"authsvc.cli.{module}"), name)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Settings file (TOML). [default: $AUTHSVC_CONFIG, else authsvc.toml in the data folder]",
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False, readable=False),
    help="Data folder. [default: the setting data_dir]",
)
@click.pass_context
def authsvc(context: click.Context, config: Path | None, data_dir: Path | None) -> None:
    """A self-hosted image host with hotlink protection, served by nginx.

    Exit status: 0 success, 1 failure (one line on stderr gives the reason),
    2 wrong usage, 3 a verdict that denies.
    """
    context.obj = Given(config, {"data_dir": data_dir})


def main() -> None:
    """Run the command that the arguments name, then exit."""
    try:
        authsvc(prog_name="authsvc")
    except AuthsvcError as error:
        fail(error)
    except OSError as error:
        fail(Broken(reason=f"{error.filename or 'error of the operating system'}: {error.strerror}"))
