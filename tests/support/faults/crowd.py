"""Crowds before nginx, seen from a test: slow connections, and what all of them cost."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.faults.nginx import workers
from tests.support.faults.underload import ROOT
from tests.support.stack import Stack, wait_until

CROWD_SECONDS = 60.0
MIB = 2**20


class Crowd:
    """The connections of slow.py."""

    def __init__(self, process: subprocess.Popen[str], counts: Path) -> None:
        self._process = process
        self._counts = counts

    def counts(self) -> dict[str, int]:
        """Return how many are open of each kind, and how the others ended."""
        assert self._process.poll() is None, "the crowd's process has ended"
        try:
            counts: dict[str, int] = json.loads(self._counts.read_text())
        except FileNotFoundError:
            return {}
        return counts

    def await_size(self, kinds: Mapping[str, int]) -> dict[str, int]:
        """Return when as many of each kind are open at once, and how many these are."""
        found: dict[str, int] = {}

        def are_open() -> bool:
            counts = self.counts()
            found.update({kind: counts.get(kind, 0) for kind in kinds})
            return all(found[kind] >= count for kind, count in kinds.items())

        wait_until(are_open, f"slow connections: {kinds}", seconds=CROWD_SECONDS)
        return found


@contextmanager
def slow_crowd(stack: Stack, folder: Path, path: str, kinds: Mapping[str, int]) -> Iterator[Crowd]:
    """Keep so many connections of each kind open that never finish; `path` is that of a picture."""
    counts = folder / "counts.json"
    order = {
        "port": stack.port,
        "token": stack.token,
        "path": path,
        "kinds": dict(kinds),
        "counts": str(counts),
    }
    command = [sys.executable, "-m", "tests.support.faults.slow"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdin is not None
            with process.stdin as pipe:
                pipe.write(f"{json.dumps(order)}\n")
            yield Crowd(process, counts)
        finally:
            process.terminate()


def sockets_of_nginx(stack: Stack) -> int:
    """Return how many sockets nginx's workers have open."""
    return sum(_is_socket(number) for pid in workers(stack) for number in Path(f"/proc/{pid}/fd").iterdir())


def _is_socket(number: Path) -> bool:
    with suppress(FileNotFoundError):
        return number.readlink().name.startswith("socket:")
    return False


class Cache:
    """The files of nginx's cache of verdicts, watched while something happens."""

    def __init__(self, stack: Stack) -> None:
        self._folder = stack.data_dir / "nginx" / "verdicts"
        self.most = 0
        """Files seen at once so far."""

    def look(self) -> int:
        """Count the files; each takes one block of the disk."""
        found = sum(len(names) for _, _, names in os.walk(self._folder))
        self.most = max(self.most, found)
        return found


def resident_bytes(pid: int) -> int:
    """Return what a process has in memory: VmRSS of proc_pid_status(5)."""
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024
