"""Jobs wait here until a worker is free for them; `scheduler` decides which is next."""

import asyncio

from authsvc.errors import Busy
from authsvc.imaging.decoder.job import Inspection, Job
from authsvc.imaging.decoder.scheduler import Place, Scheduler
from authsvc.system.running_time import running_timeout
from authsvc.times import TIMES


class JobQueue:
    """Lets jobs run when the scheduler starts them. For one event loop."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._waiting: dict[Place, asyncio.Future[None]] = {}

    async def enter(self, job: Job) -> Place:
        """Wait until the job may run; call `leave` with its place when it is done.

        Raises Busy when too many jobs wait, or when it may not run in time.
        """
        place = Place(job.owner, is_upload=isinstance(job, Inspection))
        if not self._scheduler.add(place):
            raise Busy
        may_run = self._waiting[place] = asyncio.get_running_loop().create_future()
        self._start()
        if not may_run.done():
            await self._wait(place, may_run)
        return place

    def leave(self, place: Place) -> None:
        """Let other jobs run instead."""
        self._scheduler.end(place)
        self._start()

    async def _wait(self, place: Place, may_run: asyncio.Future[None]) -> None:
        try:
            async with running_timeout(TIMES.decoder_wait):
                await may_run
        except (TimeoutError, asyncio.CancelledError) as error:
            if place in self._waiting:
                del self._waiting[place]
                self._scheduler.withdraw(place)
            else:
                # It was started at the same moment.
                self.leave(place)
            if isinstance(error, TimeoutError):
                raise Busy from None
            raise

    def _start(self) -> None:
        while (place := self._scheduler.start_next()) is not None:
            may_run = self._waiting.pop(place)
            if not may_run.done():
                may_run.set_result(None)
