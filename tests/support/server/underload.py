"""Start the load of load.py from a test and read its report."""

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
"""The end of a load that no test ends."""


@dataclass(frozen=True)
class Report:
    """Responses by status, or by the error's name; the paths of the acknowledged uploads; the times of reads."""

    reads: dict[str, int]
    strangers: dict[str, int]
    uploads: dict[str, int]
    uploaded: list[str]
    read_times: list[tuple[float, float]]
    """For each read of an allowed site: its start, on the monotonic clock, and its seconds."""

    def read_seconds(self, since: float, until: float) -> list[float]:
        """Return the seconds of the reads that began between two moments of the monotonic clock."""
        return [seconds for begin, seconds in self.read_times if since <= begin < until]


class Load:
    """Readers, strangers and uploaders that run in a machine. A context manager.

    The machine needs a token in /root/token, and blog.example.com as a site.
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
        """Return when each of these kinds of request has that many more responses."""
        before = self._counts()
        wait_until(
            lambda: all(self._counts()[kind] >= before[kind] + answers for kind in kinds),
            f"{answers} more answers of each kind than {before}",
            seconds=120,
        )

    def finish(self) -> Report:
        """End the load after ten more responses of each kind."""
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
    """Check that every allowed read and upload succeeded, no stranger got a picture, and every picture can be read."""
    assert set(report.reads) == {"200"}, report.reads
    assert set(report.uploads) == {"200"}, report.uploads
    assert set(report.strangers) == {"403"}, report.strangers
    assert read_all(machine, report.uploaded) == {"200": len(report.uploaded)}


def read_all(machine: Machine, paths: Iterable[str]) -> dict[str, int]:
    """Read pictures as visitors of blog.example.com do; return the number of responses by status."""
    _put_script(machine)
    answers: dict[str, int] = json.loads(machine.run("python3", "-I", PLACE, "read", stdin="\n".join(paths)).stdout)
    return answers


def _put_script(machine: Machine) -> None:
    machine.path(PLACE).write_bytes(SCRIPT.read_bytes())
