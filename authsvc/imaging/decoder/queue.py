"""Which job gets the next free worker: the one that waits longest."""

import asyncio

from authsvc.errors import Busy
from authsvc.imaging.decoder.job import Job
from authsvc.system.running_time import running_timeout
from authsvc.times import TIMES


class JobQueue:
    """Lets at most `places` jobs run at a time, and at most `max_waiting` wait. For one event loop."""

    def __init__(self, places: int, *, max_waiting: int) -> None:
        self._free = asyncio.Semaphore(places)
        self._max_waiting = max_waiting
        self._waiting = 0

    async def enter(self, _job: Job) -> None:
        """Wait until the job may run; call `leave` when it is done.

        Raises Busy when too many jobs wait, or when no place becomes free in time.
        """
        if not self._free.locked():
            await self._free.acquire()  # at once
            return
        if self._waiting >= self._max_waiting:
            raise Busy
        self._waiting += 1
        try:
            async with running_timeout(TIMES.decoder_wait):
                await self._free.acquire()
        except TimeoutError:
            raise Busy from None
        finally:
            self._waiting -= 1

    def leave(self, _job: Job) -> None:
        """Give the job's place to the next one."""
        self._free.release()
