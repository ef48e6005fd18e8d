"""Do blocking work on a thread, for all members that arrived while the thread was busy at once.

A switch to another thread and a wait for the disk cost about as much for several uploads
as for one. With a thread for each upload, an upload took twice the CPU time, because the
threads wait for the interpreter.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

MAX_GROUP: Final = 64
"""The largest number of members in one call, during which the next ones wait."""


class Batcher(Generic[T, R]):
    """Collects members while `act` runs, and then calls `act` on a thread with all of them. For one event loop.

    `act` blocks. It returns a result for each member, in their order; an exception is raised to that member.
    """

    def __init__(self, act: Callable[[Sequence[T]], Sequence[R | Exception]]) -> None:
        self._act = act
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._acting: asyncio.Task[None] | None = None

    async def run(self, member: T) -> R:
        """Return this member's result. Raises its exception, and what `act` raises."""
        done: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((member, done))
        if self._acting is None or self._acting.done():
            self._acting = asyncio.create_task(self._act_on_all())
        return await done

    async def _act_on_all(self) -> None:
        while group := self._waiting[:MAX_GROUP]:
            del self._waiting[:MAX_GROUP]
            results = await self._act_on([member for member, _ in group])
            for (_, done), result in zip(group, results, strict=True):
                _finish(done, result)

    async def _act_on(self, members: Sequence[T]) -> Sequence[R | Exception]:
        try:
            return await asyncio.get_running_loop().run_in_executor(None, self._act, members)
        except Exception as error:  # noqa: BLE001 — any error: otherwise its members would wait forever
            return [error] * len(members)


def each(act: Callable[[T], R]) -> Callable[[Sequence[T]], Sequence[R | Exception]]:
    """Return a function for a Batcher that calls `act` with one member after the other."""

    def act_on_each(members: Sequence[T]) -> Sequence[R | Exception]:
        return [_outcome(act, member) for member in members]

    return act_on_each


def _outcome(act: Callable[[T], R], member: T) -> R | Exception:
    try:
        return act(member)
    except Exception as error:  # noqa: BLE001 — any error is this member's result
        return error


def _finish(done: asyncio.Future[R], result: R | Exception) -> None:
    """Wake up the waiting task, unless it was cancelled."""
    if done.done():
        return
    if isinstance(result, Exception):
        done.set_exception(result)
    else:
        done.set_result(result)
