"""What all commands share: the options before them, tables, and failures as one line."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import click

from authsvc.errors import AuthsvcError
from authsvc.settings import CONFIG_VARIABLE, ENV_PREFIX, Loaded, Settings, load

EXIT_FAILED = 1
EXIT_DENIED = 3


@dataclass
class Given:
    """The options before the command."""

    config: Path | None = None
    flags: dict[str, Any] = field(default_factory=dict)

    def load(self, **more: object) -> Loaded:
        """Return the effective settings. A command's own options win over everything else."""
        return load(config=self.config, flags={**self.flags, **more})

    @property
    def settings(self) -> Settings:
        """The effective settings."""
        return self.load().settings

    def environment(self, **more: object) -> dict[str, str]:
        """Return an environment from which the service reads these options."""
        environment = dict(os.environ)
        if self.config is not None:
            environment[CONFIG_VARIABLE] = str(self.config)
        for name, value in {**self.flags, **more}.items():
            if value is not None:
                environment[f"{ENV_PREFIX}{name.upper()}"] = str(value)
        return environment


pass_given = click.make_pass_decorator(Given, ensure=True)


def fail(error: AuthsvcError) -> NoReturn:
    """Print what is wrong in one line and exit with status 1."""
    click.secho(f"authsvc: {error.text}", err=True, fg="red")
    sys.exit(EXIT_FAILED)


def show_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table for people: as wide as its cells, with bold headings on a terminal."""
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 — takes 50 ms, and only lists need it
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    # Without a terminal nothing is wrapped: the next program expects whole lines.
    console = Console(width=None if sys.stdout.isatty() else 10_000, highlight=False, markup=False, emoji=False)
    console.print(table)


def show_json(value: object) -> None:
    """Print JSON for programs."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def printable(text: str) -> str:
    """Return an untrusted text with a space for each character that could control the terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def moment(seconds: int | None) -> str:
    """Return a time as ISO 8601 in UTC, or `-` for never."""
    return "-" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
