"""`authsvc doctor`: find what is wrong, and name the command that fixes it."""

import os
import re
import shlex
from pathlib import Path
from typing import Final

import click

from authsvc.cli.context import EXIT_FAILED, Given, pass_given, printable, show_json
from authsvc.doctor import Finding, State, run

_SEVERAL: Final = re.compile("&&|;")
_COLOURS: Final = {State.OK: "green", State.WARNING: "yellow", State.ERROR: "red"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option(
    "--nginx-conf",
    "main_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="nginx's main configuration file. [default: the one it was built with]",
)
@pass_given
def doctor(given: Given, main_file: Path | None, *, as_json: bool) -> None:
    """Check the installation and name the fixes.

    Changes nothing. Run it as root: some checks need root's rights. Exit status
    1 means that there is an error. A warning is something that works now, but
    will fail one day.
    """
    loaded = given.load()
    findings = list(run(loaded.settings, config_file=loaded.config_file, main_file=main_file))
    if as_json:
        show_json([_as_json(finding) for finding in findings])
    else:
        for finding in findings:
            _show(finding)
    if any(finding.state is State.ERROR for finding in findings):
        raise SystemExit(EXIT_FAILED)


def _as_json(finding: Finding) -> dict[str, str | None]:
    return {
        "check": finding.check,
        "state": finding.state.value,
        "text": finding.text,
        "fix": finding.fix or None,
    }


def _show(finding: Finding) -> None:
    state = click.style(f"{finding.state.value:<8}", fg=_COLOURS[finding.state])
    click.echo(f"{state} {finding.check:<12} {printable(finding.text)}")
    if finding.fix:
        fix = finding.fix if os.geteuid() == 0 else _with_sudo(finding.fix)
        click.echo(f"{'':<8} {'':<12} fix it: {printable(fix)}")


def _with_sudo(command: str) -> str:
    """Let every part of the command run as root, not only the first."""
    return f"sudo sh -c {shlex.quote(command)}" if _SEVERAL.search(command) else f"sudo {command}"
