"""A small pool of worker processes that inspect, decode and resize pictures, so that the service never does.

Not `ProcessPoolExecutor`: its workers outlive a killed parent, and a job that
hangs cannot be cancelled.
"""

import asyncio
import logging
import os
import signal
from contextlib import ExitStack, suppress
from functools import partial
from typing import Final, cast

from authsvc.errors import AnswerError, Bomb, Busy, Corrupt, Internal, TooSlow, Unavailable
from authsvc.imaging.decoder.answer import Accepted, Answer, Bug
from authsvc.imaging.decoder.confinement import Confinement
from authsvc.imaging.decoder.handle import WorkerDiedError, WorkerHandle
from authsvc.imaging.decoder.job import Inspection, Job, SizeJob
from authsvc.imaging.decoder.options import WorkerOptions
from authsvc.imaging.decoder.queue import JobQueue
from authsvc.imaging.decoder.result_file import ResultFile
from authsvc.imaging.decoder.scheduler import Place, Scheduler
from authsvc.system.running_time import running_timeout

MAX_ATTEMPTS: Final = 2
"""Attempts for one job. An attempt fails when its worker dies."""
MAX_JOBS: Final = 10_000
"""A worker ends after so many jobs: one that a picture has taken over does not see all later ones. A start takes as
much time as 500 small pictures."""
EXTRA_IDLE_SECONDS: Final = 60.0
"""A worker above the usual number ends after it had nothing to do for this long."""
MIN_PROCESSOR_SHARE: Final = 0.5
"""Share of the time limit. A worker that got less processor time shows that the machine was busy, not that the picture
is slow."""

# How a decoder ends that cannot get more memory: GLib aborts or traps.
_MEMORY_SIGNALS: Final = frozenset({-signal.SIGABRT, -signal.SIGTRAP})
_FROM_OUTSIDE: Final = frozenset({-signal.SIGKILL, -signal.SIGTERM})

_log = logging.getLogger("authsvc")


class DecoderPool:
    """A pool of workers, each started when the scheduler starts a job and none is idle. For one event loop.

    A job may take `timeout` seconds.
    """

    def __init__(self, options: WorkerOptions, scheduler: Scheduler, *, timeout: float) -> None:
        self._options = options
        self._timeout = timeout
        self._max_idle = scheduler.workers
        self._queue = JobQueue(scheduler)
        self._idle: list[WorkerHandle] = []
        self._ending: set[asyncio.Task[None]] = set()
        self._jobs: set[asyncio.Task[tuple[Answer, ResultFile]]] = set()
        self._is_closed = False
        self._confinement: Confinement | None = None

    async def inspect(self, picture: int, *, owner: str) -> tuple[Accepted, ResultFile]:
        """Check an uploaded picture and decode all of it.

        `picture` is a descriptor that can only read. The second result has the picture without what
        has to be removed from it, and is empty if that is nothing; close it. Raises an UploadRefused
        for a picture that is not accepted: Corrupt, Bomb for one that takes too much memory, TooSlow
        for one that takes too long, and others; Unavailable when the service ends; and Busy when too
        many jobs wait, no worker becomes free in time, the machine has no processor time for the
        job, or its workers are killed from outside.
        """
        answer, result = await self._run(Inspection(owner), picture)
        return cast("Accepted", answer), result

    async def make_size(self, picture: int, job: SizeJob) -> ResultFile:
        """Return the copy; close it.

        Raises what `inspect` does, and Unsupported for a copy that would be useless.
        """
        _, result = await self._run(job, picture)
        return result

    async def confinement(self) -> Confinement:
        """Return what the kernel provides to confine workers. Starts one to find out, unless one was started before.

        Raises Busy when it cannot start.
        """
        if self._confinement is None:
            try:
                worker = await self._start()
            except WorkerDiedError as error:
                raise _cannot_start(error) from error
            await worker.end()
            return worker.confinement
        return self._confinement

    async def close(self) -> None:
        """End the workers. Jobs that are not done yet fail with Unavailable."""
        self._is_closed = True
        for job in self._jobs:
            job.cancel()
        if self._jobs:
            await asyncio.wait(self._jobs)
        await asyncio.gather(*self._ending, *(worker.end() for worker in self._idle))
        self._idle.clear()

    async def _run(self, job: Job, picture: int) -> tuple[Answer, ResultFile]:
        place = await self._queue.enter(job)
        # A separate task: the worker does the job to its end, also when the caller is cancelled.
        # It has a descriptor of its own: the caller's number may then belong to another file.
        doing = asyncio.create_task(self._do(job, os.dup(picture)))
        self._jobs.add(doing)
        doing.add_done_callback(partial(self._end, place))
        try:
            return await asyncio.shield(doing)
        except asyncio.CancelledError:
            if doing.cancelled():
                raise Unavailable from None
            doing.add_done_callback(_close_result)
            raise

    def _end(self, place: Place, doing: asyncio.Task[tuple[Answer, ResultFile]]) -> None:
        self._jobs.discard(doing)
        self._queue.leave(place)
        if not doing.cancelled():
            doing.exception()  # retrieved, so that asyncio does not log it; a caller that still waits has it

    async def _do(self, job: Job, picture: int) -> tuple[Answer, ResultFile]:
        try:
            for _ in range(MAX_ATTEMPTS - 1):
                with suppress(WorkerDiedError):
                    return await self._attempt(job, picture)
            return await self._attempt(job, picture)
        except WorkerDiedError as error:
            raise self._death(error) from None
        finally:
            os.close(picture)

    async def _attempt(self, job: Job, picture: int) -> tuple[Answer, ResultFile]:
        """Have the job done by one worker. Raises WorkerDiedError when that worker ends."""
        worker = await self._idle_or_new()
        with ExitStack() as at_error:
            result = at_error.enter_context(ResultFile())
            answer = await self._answer(worker, job, picture, result)
            if worker.jobs_done < MAX_JOBS:
                self._keep(worker)
            else:
                await worker.kill()
            if isinstance(answer, AnswerError):
                raise answer
            if isinstance(answer, Bug):
                _log.error("an unexpected error in a worker:\n%s", answer.traceback)
                raise Internal
            at_error.pop_all()
        return answer, result

    async def _answer(self, worker: WorkerHandle, job: Job, picture: int, result: ResultFile) -> Answer:
        before = worker.processor_seconds()
        try:
            async with running_timeout(self._timeout):
                return await worker.run(job, picture, result)
        except TimeoutError:
            spent = worker.processor_seconds() - before
            await worker.kill()
            raise self._delay(spent) from None
        except BaseException:
            await worker.kill()
            raise

    async def _idle_or_new(self) -> WorkerHandle:
        if self._is_closed:
            raise Unavailable
        while self._idle:
            # A worker that died while idle does not count as an attempt.
            if not (worker := self._idle.pop()).has_ended:
                return worker
            await worker.kill()
        return await self._start()

    async def _start(self) -> WorkerHandle:
        try:
            worker = await WorkerHandle.start(self._options)
        except (OSError, TimeoutError) as error:
            raise _cannot_start(error) from error
        if self._confinement is None and worker.confinement.gaps:
            gaps = " and ".join(worker.confinement.gaps)
            _log.warning("the processes that decode pictures are not fully confined: %s; see `authsvc doctor`", gaps)
        self._confinement = worker.confinement
        return worker

    def _keep(self, worker: WorkerHandle) -> None:
        self._idle.append(worker)
        if len(self._idle) > self._max_idle:
            asyncio.get_running_loop().call_later(EXTRA_IDLE_SECONDS, self._end_extra)

    def _end_extra(self) -> None:
        """End the worker that was idle for the longest time, if there are still more than usual."""
        if len(self._idle) > self._max_idle:
            ending = asyncio.create_task(self._idle.pop(0).end())
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    def _delay(self, spent: float) -> AnswerError:
        """Return the error for a job that was not done in time; `spent` is its processor time in seconds."""
        if spent >= MIN_PROCESSOR_SHARE * self._timeout:
            return TooSlow(limit=f"{self._timeout:g}")
        _log.warning("a worker got only %.1f s of processor time within %g s", spent, self._timeout)
        return Busy()

    def _death(self, error: WorkerDiedError) -> AnswerError:
        """Return the error for a job whose workers have died; `error` is about the last one."""
        if not error.had_started:
            return _cannot_start(error)
        _log.warning("a worker ended with status %d while it decoded a picture", error.status)
        if error.status in _FROM_OUTSIDE:
            return Busy()
        if error.status in _MEMORY_SIGNALS:
            return Bomb(what="picture", limit_bytes=self._options.memory_bytes)
        return Corrupt(kind="image", reason="it crashes its decoder")


def _cannot_start(error: Exception) -> Busy:
    _log.error("cannot start a worker to decode pictures: %r", error)
    return Busy()


def _close_result(doing: asyncio.Task[tuple[Answer, ResultFile]]) -> None:
    if not doing.cancelled() and doing.exception() is None:
        doing.result()[1].close()
