"""Blocking work on what arrives at any time, done in groups."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Batcher(Generic[T]):
    """Calls `act` on a thread with whatever has come meanwhile, one group at a time. For one event loop.

    `act` blocks; a group has `max_size` members at most.
    """

    def __init__(self, act: Callable[[Sequence[T]], None], *, max_size: int) -> None:
        self._act = act
        self._max_size = max_size
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []
        self._acting: asyncio.Task[None] | None = None

    async def run(self, member: T) -> None:
        """Return when `act` is done with a group to which `member` belongs. Raises what `act` raises."""
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
                _end(done, error)

    async def _act_on(self, members: Sequence[T]) -> Exception | None:
        try:
            await asyncio.to_thread(self._act, members)
        except Exception as error:  # noqa: BLE001 — whatever it is, nobody may wait for ever
            return error
        return None


def _end(done: asyncio.Future[None], error: Exception | None) -> None:
    """Tell whoever waits, unless they have gone."""
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
