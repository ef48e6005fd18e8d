"""What is done to the service's process, each with the proof that it was done."""

import os
import signal
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.faults.underload import now
from tests.support.stack import Stack, wait_until

DEATHS_BORNE = 4
"""How often the service may die within `death_window`; with the next death its parent ends."""
MARGIN_SECONDS = 1.0


class Ending:
    """Ends the service by a signal, as often as its parent starts it again; calls `note` at that very moment."""

    def __init__(self, stack: Stack, note: Callable[[], None]) -> None:
        self._stack = stack
        self._note = note
        self._deaths: deque[float] = deque(maxlen=DEATHS_BORNE)

    def end(self, number: signal.Signals) -> None:
        """End it when its parent bears it, and return when another one answers."""
        if len(self._deaths) == DEATHS_BORNE:
            window = self._stack.times.death_window + MARGIN_SECONDS
            wait_until(lambda: now() - self._deaths[0] > window, "the parent bears another death")
        before, said = self._stack.pid("service"), self._stack.output.count("starting it again")
        self._note()
        os.kill(before, number)
        self._deaths.append(now())
        wait_until(lambda: service_pid(self._stack) not in {None, before}, "another service is started")
        wait_until(lambda: is_ready(self._stack), "it answers")
        assert not Path(f"/proc/{before}").exists()
        wait_until(lambda: self._stack.output.count("starting it again") == said + 1, "its parent says so")
        assert f"the service was killed by {number.name}; starting it again" in self._stack.output


def service_pid(stack: Stack) -> int | None:
    """Return the service's number, None while its file is being written."""
    try:
        return stack.pid("service")
    except (ValueError, FileNotFoundError):
        return None


def is_ready(stack: Stack) -> bool:
    """Whether the service accepts uploads."""
    return stack.ask_service("/readyz").status_code == 200


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Stop a process in its tracks; let it go on afterwards."""
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_until(lambda: process_state(pid) == "T", "the process is stopped")
        yield
        assert process_state(pid) == "T"
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: process_state(pid) != "T", "the process goes on")


def process_state(pid: int) -> str:
    """Return the letter of proc_pid_stat(5)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
