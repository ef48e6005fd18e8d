"""A small pool of worker processes that decode pictures, so that the service never does.

Not `ProcessPoolExecutor`: its workers outlive a killed parent, and a job that
hangs cannot be cancelled.
"""

import asyncio
import logging
import signal
from pathlib import Path
from typing import Final

from authsvc.errors import AnswerError, Bomb, Busy, Corrupt, DiskFull, Internal, TooSlow, Unavailable, Unsupported
from authsvc.imaging.decoder.handle import WorkerDiedError, WorkerHandle
from authsvc.imaging.decoder.job import Check, Failure, Job, Result, SizeJob
from authsvc.model import ImageType
from authsvc.system.running_time import running_timeout
from authsvc.times import TIMES

MAX_ATTEMPTS: Final = 2
"""Attempts for one job. An attempt fails when its worker dies."""
MIN_PROCESSOR_SHARE: Final = 0.5
"""Share of the time limit. A worker that got less processor time shows that the machine was busy, not that the picture
is slow."""

# How a decoder ends that cannot get more memory: GLib aborts or traps.
_MEMORY_SIGNALS: Final = frozenset({-signal.SIGABRT, -signal.SIGTRAP})
_FROM_OUTSIDE: Final = frozenset({-signal.SIGKILL, -signal.SIGTERM})

_log = logging.getLogger("authsvc")


class DecoderPool:
    """A pool of at most `count` workers, each started when a job finds no idle one. For one event loop.

    A job may take `timeout` seconds, a worker `max_memory_bytes` of address space.
    At most `max_waiting` jobs wait for a free worker.
    """

    def __init__(self, *, count: int, max_waiting: int, timeout: float, max_memory_bytes: int) -> None:
        self._count = count
        self._max_waiting = max_waiting
        self._timeout = timeout
        self._max_memory_bytes = max_memory_bytes
        self._free = asyncio.Semaphore(count)
        self._waiting = 0
        self._idle: list[WorkerHandle] = []
        self._jobs: set[asyncio.Task[Result]] = set()
        self._is_closed = False

    async def check(self, path: Path, kind: ImageType, *, pixels: int | None = None) -> None:
        """Decode all of the picture.

        `pixels` is the number of pixels of a frame that the walk through the file found; a
        picture with more is refused. Raises Corrupt for one that cannot be decoded, Bomb for
        one that takes too much memory, TooSlow for one that takes too long, FileNotFoundError
        without the file, Unavailable when the service ends, and Busy when too many jobs wait,
        no worker becomes free in time, the machine has no processor time for the job, or
        its workers are killed from outside.
        """
        self._raise_failure(await self._run(Check(path, kind, pixels)), kind)

    async def make_size(self, job: SizeJob) -> None:
        """Write the copy.

        Raises what `check` does, DiskFull without room, Unsupported for an animation that would be lost.

        The target is not there then.
        """
        self._raise_failure(await self._run(job), job.kind)

    async def close(self) -> None:
        """End the workers. Jobs that are not done yet fail with Unavailable."""
        self._is_closed = True
        for job in self._jobs:
            job.cancel()
        if self._jobs:
            await asyncio.wait(self._jobs)
        await asyncio.gather(*(worker.end() for worker in self._idle))
        self._idle.clear()

    async def _run(self, job: Job) -> Result:
        if self._free.locked() and self._waiting >= self._max_waiting:
            raise Busy
        self._waiting += 1
        try:
            async with running_timeout(TIMES.decoder_wait):
                await self._free.acquire()
        except TimeoutError:
            raise Busy from None
        finally:
            self._waiting -= 1
        # A separate task: the worker does the job to its end, also when the caller is cancelled.
        doing = asyncio.create_task(self._do(job))
        self._jobs.add(doing)
        doing.add_done_callback(self._end)
        try:
            return await asyncio.shield(doing)
        except asyncio.CancelledError:
            if doing.cancelled():
                raise Unavailable from None
            if isinstance(job, SizeJob):
                doing.add_done_callback(lambda _: job.target.unlink(missing_ok=True))
            raise

    def _end(self, doing: asyncio.Task[Result]) -> None:
        self._jobs.discard(doing)
        self._free.release()
        if not doing.cancelled():
            doing.exception()  # retrieved, so that asyncio does not log it; a caller that still waits has it

    async def _do(self, job: Job) -> Result:
        for attempt in range(MAX_ATTEMPTS):
            worker = await self._idle_or_new(is_last=attempt == MAX_ATTEMPTS - 1)
            if worker is None:
                continue
            before = worker.processor_seconds()
            try:
                async with running_timeout(self._timeout):
                    result = await worker.run(job)
            except TimeoutError:
                spent = worker.processor_seconds() - before
                await worker.kill()
                _discard_target(job)
                raise self._delay(job, spent) from None
            except WorkerDiedError as error:
                _discard_target(job)
                if attempt == MAX_ATTEMPTS - 1:
                    raise self._death(job, error.status) from None
            except BaseException:
                await worker.kill()
                _discard_target(job)
                raise
            else:
                self._idle.append(worker)
                return result
        raise AssertionError

    async def _idle_or_new(self, *, is_last: bool) -> WorkerHandle | None:
        """Return a worker, None when it died before its first job and this is not the last attempt."""
        if self._is_closed:
            raise Unavailable
        while self._idle:
            # A worker that died while idle does not count as an attempt.
            if not (worker := self._idle.pop()).has_ended:
                return worker
        try:
            return await WorkerHandle.start(self._max_memory_bytes)
        except (OSError, TimeoutError, WorkerDiedError) as error:
            if isinstance(error, WorkerDiedError) and not is_last:
                return None
            _log.error("cannot start a worker to decode pictures: %r", error)
            raise Busy from error

    def _delay(self, job: Job, spent: float) -> AnswerError:
        """Return the error for a job that was not done in time; `spent` is its processor time in seconds."""
        if spent >= MIN_PROCESSOR_SHARE * self._timeout:
            return TooSlow(limit=f"{self._timeout:g}")
        _log.warning("a worker got only %.1f s of processor time within %g s for %s", spent, self._timeout, job.source)
        return Busy()

    def _death(self, job: Job, status: int) -> AnswerError:
        """Return the error for a job whose workers have died; `status` is how the last one ended."""
        _log.warning("a worker ended with status %d while it decoded %s", status, job.source)
        if status in _FROM_OUTSIDE:
            return Busy()
        if status in _MEMORY_SIGNALS:
            return Bomb(what="picture", limit_bytes=self._max_memory_bytes)
        return Corrupt(kind=job.kind.name, reason="it crashes its decoder")

    def _raise_failure(self, result: Result, kind: ImageType) -> None:
        match result.failure:
            case None:
                return
            case Failure.UNDECODABLE:
                raise Corrupt(kind=kind.name, reason=result.reason)
            case Failure.TOO_MUCH_MEMORY:
                raise Bomb(what="picture", limit_bytes=self._max_memory_bytes)
            case Failure.UNSUITABLE:
                raise Unsupported
            case Failure.NO_SOURCE | Failure.NO_TARGET:
                raise FileNotFoundError(result.reason)
            case Failure.DISK_FULL:
                raise DiskFull
        _log.error("an unexpected error in a worker:\n%s", result.reason)
        raise Internal


def _discard_target(job: Job) -> None:
    if isinstance(job, SizeJob):
        job.target.unlink(missing_ok=True)
