"""The load of load.py, seen from a test."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.server.machine import Machine
from tests.support.stack import wait_until

SCRIPT = Path(__file__).with_name("load.py")
PLACE = "/root/load.py"
PROGRESS = "/run/load.json"
LONGEST_SECONDS = 600
"""In case nobody ends it."""


@dataclass(frozen=True)
class Report:
    """Answers by status, or by the error's name; the paths of the acknowledged uploads; the times of reads."""

    reads: dict[str, int]
    strangers: dict[str, int]
    uploads: dict[str, int]
    uploaded: list[str]
    read_times: list[tuple[float, float]]
    """When each read of an allowed site began, on the monotonic clock, and its seconds."""

    def read_seconds(self, since: float, until: float) -> list[float]:
        """Return how long the reads took that began in a time of the monotonic clock."""
        return [seconds for begin, seconds in self.read_times if since <= begin < until]


class Load:
    """Readers, strangers and uploaders at work in a machine. A context manager.

    The machine has the token in /root/token, and blog.example.com as a site.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._progress = machine.path(PROGRESS)

    def __enter__(self) -> Self:
        _put_script(self._machine)
        self._progress.unlink(missing_ok=True)
        self._process = self._machine.start("python3", "-I", PLACE, str(LONGEST_SECONDS), PROGRESS)
        wait_until(lambda: self._progress.exists() or self._process.poll() is not None, "the load runs", seconds=30)
        assert self._process.poll() is None, self._process.communicate()[0]
        self.go_on()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()

    def go_on(self, answers: int = 10, *, kinds: Iterable[str] = ("reads", "strangers", "uploads")) -> None:
        """Return when each of these kinds of request has got that many more answers."""
        before = self._counts()
        wait_until(
            lambda: all(self._counts()[kind] >= before[kind] + answers for kind in kinds),
            f"{answers} more answers of each kind than {before}",
            seconds=120,
        )

    def finish(self) -> Report:
        """End the load when it has gone on for a while."""
        self.go_on()
        self._process.terminate()
        output, _ = self._process.communicate(timeout=90)
        assert self._process.returncode == 0, output
        report = json.loads(output)
        answers = report.pop("answers")
        return Report(**answers, **report)

    def _counts(self) -> dict[str, int]:
        counts: dict[str, int] = json.loads(self._progress.read_text("ascii"))
        return counts


def assert_unharmed(machine: Machine, report: Report) -> None:
    """Every allowed read and upload was answered well, no stranger got in, and every picture is there now."""
    assert set(report.reads) == {"200"}, report.reads
    assert set(report.uploads) == {"200"}, report.uploads
    assert set(report.strangers) == {"403"}, report.strangers
    assert read_all(machine, report.uploaded) == {"200": len(report.uploaded)}


def read_all(machine: Machine, paths: Iterable[str]) -> dict[str, int]:
    """Read pictures as blog.example.com's visitors do; return how often came which status."""
    _put_script(machine)
    answers: dict[str, int] = json.loads(machine.run("python3", "-I", PLACE, "read", stdin="\n".join(paths)).stdout)
    return answers


def _put_script(machine: Machine) -> None:
    machine.path(PLACE).write_bytes(SCRIPT.read_bytes())
