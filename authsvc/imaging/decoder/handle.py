"""The service's side of one worker: a process and two pipes."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from typing import Final, Self, cast

from authsvc.imaging.decoder.job import READY, Job, Result, job_to_line, result_from_line
from authsvc.system.linux import processor_seconds_of
from authsvc.system.running_time import running_timeout

START_SECONDS: Final = 30.0
"""Time limit for the start of a worker, which takes a fraction of a second on an idle machine."""
END_SECONDS: Final = 2.0
"""A worker without a job has this long to end; then it is killed."""

_SETTINGS: Final = {
    # A second thread was not faster, and takes memory.
    "VIPS_CONCURRENCY": "1",
    # Memory that one arena has freed cannot be used by another.
    "MALLOC_ARENA_MAX": "1",
}
# How systemd and the service talk to each other; not for its children.
_NOT_FOR_WORKERS: Final = frozenset({"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID"})


class WorkerDiedError(Exception):
    """The worker has ended; `status` is its exit status, or the negative number of the signal that ended it."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class WorkerHandle:
    """A running worker, which does one job at a time."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._input = cast("asyncio.StreamWriter", process.stdin)
        self._output = cast("asyncio.StreamReader", process.stdout)

    @classmethod
    async def start(cls, max_memory_bytes: int) -> Self:
        """Start a worker and wait until it is ready. Raises OSError, WorkerDiedError or TimeoutError."""
        options = ["-I"] if sys.flags.isolated else []
        environment = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_WORKERS}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *options,
            "-m",
            "authsvc.imaging.decoder.process",
            str(os.getpid()),
            str(max_memory_bytes),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,  # decoders print a line for each damaged picture
            env=environment | _SETTINGS,
        )
        worker = cls(process)
        try:
            async with running_timeout(START_SECONDS):
                first = await worker._receive()
        except (asyncio.CancelledError, TimeoutError):
            await worker.kill()
            raise
        if first != READY:
            raise await worker._death()
        return worker

    @property
    def has_ended(self) -> bool:
        """Whether it has ended, also when the event loop has not noticed that yet."""
        if self._process.returncode is not None:
            return True
        try:
            # This leaves the exit status for the event loop.
            return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True

    def processor_seconds(self) -> float:
        """Return how much processor time it has used so far; 0 when it has ended."""
        return processor_seconds_of(self._process.pid)

    async def run(self, job: Job) -> Result:
        """Have a job done. Raises WorkerDiedError, also when the worker is killed for an invalid answer."""
        # uvloop raises RuntimeError where asyncio raises ConnectionError.
        with suppress(ConnectionError, RuntimeError):
            self._input.write(job_to_line(job))
            await self._input.drain()
        answer = await self._receive()
        try:
            return result_from_line(answer)
        except (ValueError, LookupError, TypeError):
            # Kill it: its next answer could belong to this job.
            raise await self._death() from None

    async def _receive(self) -> bytes:
        answer = b""
        # ValueError: the line is too long.
        with suppress(ConnectionError, ValueError):
            answer = await self._output.readline()
        if not answer.endswith(b"\n"):
            raise await self._death()
        return answer

    async def _death(self) -> WorkerDiedError:
        await self.kill()
        return WorkerDiedError(self._process.returncode or 0)

    async def end(self) -> None:
        """Let it end by itself; kill it when it does not."""
        self._input.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), END_SECONDS)
        await self.kill()

    async def kill(self) -> None:
        """Kill it at once, unless it has ended."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
