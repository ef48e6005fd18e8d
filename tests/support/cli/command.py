"""Run `authsvc` commands in this process: the real entry point, without its start-up time.

What escapes from `main` would be a traceback on a terminal, and fails the test.
"""

import io
import json
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from authsvc.cli import main


@dataclass(frozen=True)
class Done:
    """A command's exit status and what it has printed."""

    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Home:
    """A data folder, and commands on it."""

    folder: Path

    def run(self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None) -> Done:
        """Run a command; return how it went."""
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
        argv = ["authsvc", "--data-dir", str(self.folder), *arguments]
        typed = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8", errors="surrogateescape")
        status = 0
        with (
            mock.patch.object(sys, "argv", argv),
            mock.patch.object(sys, "stdin", typed),
            mock.patch.dict("os.environ", environment or {}),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                main()
            except SystemExit as ending:
                status = int(ending.code or 0)
        return Done(status, _written(out), _written(err))

    def ok(self, *arguments: str, stdin: bytes = b"") -> str:
        """Run a command that must succeed; return what it prints on standard output."""
        done = self.run(*arguments, stdin=stdin)
        assert done.status == 0, done.stderr
        return done.stdout

    def json(self, *arguments: str) -> Any:  # noqa: ANN401 — whatever the command prints
        """Run a command with --json and return its output."""
        return json.loads(self.ok(*arguments, "--json"))

    def refusal(self, *arguments: str, stdin: bytes = b"") -> str:
        """Run a command that must fail with status 1 and one line; return that line."""
        done = self.run(*arguments, stdin=stdin)
        lines = done.stderr.splitlines()
        assert (done.status, len(lines), done.stdout) == (1, 1, ""), done
        assert lines[0].startswith("authsvc: ")
        return lines[0]


def _written(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()
