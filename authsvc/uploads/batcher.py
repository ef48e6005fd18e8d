"""Do blocking work in groups, on members that arrive at any time."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Batcher(Generic[T]):
    """Collects members while `act` runs, and then calls `act` on a thread with all of them. For one event loop.

    `act` blocks; one call gets at most `max_size` members.
    """

    def __init__(self, act: Callable[[Sequence[T]], None], *, max_size: int) -> None:
        self._act = act
        self._max_size = max_size
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []
        self._acting: asyncio.Task[None] | None = None

    async def run(self, member: T) -> None:
        """Return when `act` has run on a group with this member. Raises what `act` raises."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((member, done))
        if self._acting is None or self._acting.done():
            self._acting = asyncio.create_task(self._act_on_all())
        await done

    async def _act_on_all(self) -> None:
        while group := self._waiting[: self._max_size]:
            del self._waiting[: self._max_size]
            error = await self._act_on([member for member, _ in group])
            for _, done in group:
                _finish(done, error)

    async def _act_on(self, members: Sequence[T]) -> Exception | None:
        try:
            await asyncio.to_thread(self._act, members)
        except Exception as error:  # noqa: BLE001 — any error: otherwise its members would wait forever
            return error
        return None


def _finish(done: asyncio.Future[None], error: Exception | None) -> None:
    """Wake up the waiting task, unless it was cancelled."""
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
