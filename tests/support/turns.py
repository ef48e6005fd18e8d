"""Several actors that go one step at a time, in an order drawn from a seed."""

import random
import threading
from collections.abc import Callable
from typing import Any

from tests.support.stepped import Gate

DEADLINE_SECONDS = 60


class Turns:
    """Runs actors on threads; only one moves at a time, from gate to gate."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self._is_at_gate = threading.Semaphore(0)
        self._results: dict[str, Any] = {}

    def run(self, actors: dict[str, Callable[[Gate], object]]) -> dict[str, Any]:
        """Return what each actor returned or raised."""
        ways = {name: threading.Semaphore(0) for name in actors}
        threads = [
            threading.Thread(target=self._act, args=(name, act, ways[name]), daemon=True)
            for name, act in actors.items()
        ]
        for thread in threads:
            thread.start()
        for _ in threads:
            self._await_gate()
        while moving := [name for name in ways if name not in self._results]:
            ways[self._draw.choice(moving)].release()
            self._await_gate()
        return self._results

    def _act(self, name: str, act: Callable[[Gate], object], way: threading.Semaphore) -> None:
        def gate(_: str) -> None:
            self._is_at_gate.release()
            assert way.acquire(timeout=DEADLINE_SECONDS)

        gate("start")
        try:
            self._results[name] = act(gate)
        except Exception as error:  # noqa: BLE001 — the test checks it
            self._results[name] = error
        self._is_at_gate.release()

    def _await_gate(self) -> None:
        assert self._is_at_gate.acquire(timeout=DEADLINE_SECONDS), "an actor is stuck"
