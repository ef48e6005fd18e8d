"""The load of load.py, seen from a test."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.experiments import size
from tests.support.stack import Stack, wait_until

ROOT = Path(__file__).parents[3]
ALLOWED = ("known", "nobody")
STRANGERS = ("stranger", "newcomer", "crowd")
DEADLINE_SECONDS = 250.0
"""Deadline for the load to go on: longer than the longest answer."""
WORKERS = {
    "known": size(3, 6),
    "nobody": 1,
    "stranger": 1,
    "newcomer": 1,
    "upload": size(2, 3),
    "slow upload": 3,  # so that one of them is under way at any moment
}


@dataclass(frozen=True, slots=True)
class Record:
    """One request: when it began, how long its answer took, what that was."""

    kind: str
    started: float
    seconds: float
    outcome: str
    is_again: bool
    path: str
    digest: str

    def spans(self, moment: float) -> bool:
        """Whether it was under way at that moment of the monotonic clock."""
        return self.started < moment < self.started + self.seconds


class Load:
    """Readers, strangers and uploaders at work on a stack. A context manager."""

    def __init__(
        self,
        stack: Stack,
        records: Path,
        sites: Iterable[str],
        pictures: dict[str, bytes],
        workers: dict[str, int] = WORKERS,
        nice: int = 0,
    ) -> None:
        self._stack = stack
        self._path = records
        self._order = {
            "port": stack.port,
            "token": stack.token,
            "records": str(records),
            "sites": list(sites),
            "pictures": [(path, hashlib.sha256(content).hexdigest()) for path, content in pictures.items()],
            "hotlink": hashlib.sha256(stack.placeholder("hotlink.png")).hexdigest(),
            "workers": workers,
            "nice": nice,
        }
        self._workers = workers
        self._counts: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self._path.write_bytes(b"")
        self._file = self._path.open("rb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.faults.load"], stdin=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert self._process.stdin is not None
        with self._process.stdin as pipe:
            pipe.write(f"{json.dumps(self._order)}\n")
        try:
            self.go_on({kind.removeprefix("slow "): 1 for kind in self._workers})
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def count(self, key: str) -> int:
        """Return how many answers of a kind, or of an outcome, there were so far."""
        text = self._file.read()
        end = text.rfind(b"\n") + 1
        self._file.seek(end - len(text), os.SEEK_CUR)
        for line in text[:end].splitlines():
            kind, _, _, outcome, *_ = json.loads(line)
            self._counts.update((kind, f"{kind} {outcome}"))
        return self._counts[key]

    def go_on(self, more: dict[str, int]) -> None:
        """Return when there are that many more answers of each kind or outcome."""
        goal = {key: self.count(key) + number for key, number in more.items()}

        def is_reached() -> bool:
            assert self._process.poll() is None, "the load has ended"
            return all(self.count(key) >= number for key, number in goal.items())

        wait_until(is_reached, f"more answers: {goal}", seconds=DEADLINE_SECONDS)

    def finish(self) -> list[Record]:
        """End the load when all is answered; return everything that happened."""
        self._process.terminate()
        assert self._process.wait(DEADLINE_SECONDS) == 0
        return [Record(*json.loads(line)) for line in self._path.read_text().splitlines()]


def now() -> float:
    """Return the moment on the clock that the records have."""
    return time.monotonic()
