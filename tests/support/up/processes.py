"""Processes as /proc shows them: which belong to a stack, what they use, and which are left of it."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.experiments import promised
from tests.support.stack import wait_until

END_SECONDS = 5.0
"""Within which every process has to end after a signal."""

_PARENT, _STARTED = 1, 19  # of /proc/PID/stat after the name, proc(5)
_TICKS = slice(11, 15)  # utime and stime, and those of children that were waited for


@dataclass(frozen=True, order=True)
class Process:
    """One process; `started` distinguishes it from a later one with the same number."""

    pid: int
    started: int


def descendants(pid: int) -> frozenset[Process]:
    """Return the process `pid`, its children, and theirs."""
    parents = dict(_all())
    numbers = {pid}
    while more := {process.pid for process, parent in parents.items() if parent in numbers} - numbers:
        numbers |= more
    return frozenset(process for process in parents if process.pid in numbers)


def left_of(family: frozenset[Process]) -> list[Process]:
    """Return those that still run; zombies, which only wait to be counted, do not."""
    return sorted(family & dict(_all()).keys())


def naming(folder: Path) -> list[int]:
    """Return the processes whose command line or environment names `folder`."""
    needle = os.fsencode(folder)
    found = []
    for process, _ in _all():
        with suppress(OSError):
            place = Path("/proc", str(process.pid))
            if needle in (place / "cmdline").read_bytes() + (place / "environ").read_bytes():
                found.append(process.pid)
    return found


def assert_gone(family: frozenset[Process]) -> None:
    """Wait for the end of all; kill and name those that do not end in time."""
    seconds = promised(END_SECONDS)
    try:
        wait_until(lambda: not left_of(family), "everything has ended", seconds=seconds)
    except AssertionError as late:
        rest = left_of(family)
        names = [_command(process.pid) for process in rest]
        for process in rest:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        message = f"still running after {seconds} s: {names}"
        raise AssertionError(message) from late


def children(pid: int) -> list[int]:
    """Return the numbers of the direct children of `pid`."""
    return [process.pid for process, parent in _all() if parent == pid]


def uid_of(pid: int) -> int:
    """Return the effective user of a process."""
    return int(status_of(pid)["Uid"].split()[1])


def status_of(pid: int) -> dict[str, str]:
    """Return the fields of /proc/PID/status."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def processor_seconds(*pids: int) -> float:
    """Return what processes and their descendants have had of a processor so far, those that have ended among them."""
    ticks = 0
    for process in frozenset[Process]().union(*map(descendants, pids)):
        with suppress(OSError):
            fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[_TICKS]))
    return ticks / os.sysconf("SC_CLK_TCK")


def has_open(pid: int, *, below: Path) -> bool:
    """Whether a process has a file below that folder open, unlinked ones too."""
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            if descriptor.readlink().is_relative_to(below):
                return True
    return False


def _all() -> Iterator[tuple[Process, int]]:
    """Yield every living process with its parent's number."""
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            fields = Path(entry.path, "stat").read_text().rpartition(")")[2].split()
            if fields[0] != "Z":
                yield Process(int(entry.name), int(fields[_STARTED])), int(fields[_PARENT])


def _command(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return str(pid)
