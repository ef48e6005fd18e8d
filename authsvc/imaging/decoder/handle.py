"""One worker as its parent sees it: a process, and two pipes."""

import asyncio
import ctypes
import os
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from typing import Final, Self, cast

from authsvc.imaging.decoder.job import READY, Job, Result, job_to_line, result_of_line

START_SECONDS: Final = 30.0
"""Within which a worker is ready: it takes a fraction of a second on an idle machine."""
END_SECONDS: Final = 2.0
"""Within which a worker without a job ends by itself."""

_SETTINGS: Final = {
    # A second thread was no faster, and takes memory.
    "VIPS_CONCURRENCY": "1",
    # What one arena has freed, another cannot use.
    "MALLOC_ARENA_MAX": "1",
}
_LIBC: Final = ctypes.CDLL(None)
# The parent's own notes to systemd.
_NOT_FOR_WORKERS: Final = frozenset({"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID"})


class WorkerDiedError(Exception):
    """The worker has ended; `status` is its exit status, or its signal's number with a minus."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class WorkerProcess:
    """A running worker, which does one job at a time."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._input = cast("asyncio.StreamWriter", process.stdin)
        self._output = cast("asyncio.StreamReader", process.stdout)

    @classmethod
    async def start(cls, max_memory_bytes: int) -> Self:
        """Start one, and wait until it is ready. Raises OSError, or WorkerDiedError when it ends before that."""
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
            stderr=DEVNULL,  # decoders print a line for each picture that they find fault with
            env=environment | _SETTINGS,
        )
        worker = cls(process)
        try:
            async with asyncio.timeout(START_SECONDS):
                first = await worker._receive()
        except (asyncio.CancelledError, TimeoutError):
            await worker.kill()
            raise
        if first != READY:
            raise await worker._death()
        return worker

    @property
    def has_ended(self) -> bool:
        """Whether it is known to have ended."""
        return self._process.returncode is not None

    def processor_seconds(self) -> float:
        """Return what it has had of a processor so far; 0 when it has ended."""
        clock = ctypes.c_int()
        try:
            # clock_getcpuclockid(3), a hundredth of what /proc costs; Python has it for threads alone.
            if _LIBC.clock_getcpuclockid(self._process.pid, ctypes.byref(clock)) != 0:
                return 0.0
            return time.clock_gettime(clock.value)
        except OSError:
            return 0.0

    async def ask(self, job: Job) -> Result:
        """Have a job done. Raises WorkerDiedError, also for one that is killed because it talks nonsense."""
        # uvloop says RuntimeError where asyncio says ConnectionError.
        with suppress(ConnectionError, RuntimeError):
            self._input.write(job_to_line(job))
            await self._input.drain()
        answer = await self._receive()
        try:
            return result_of_line(answer)
        except (ValueError, LookupError, TypeError):
            # Its next answer could be that of this job.
            raise await self._death() from None

    async def _receive(self) -> bytes:
        answer = b""
        # The latter is a line without end.
        with suppress(ConnectionError, ValueError):
            answer = await self._output.readline()
        if not answer.endswith(b"\n"):
            raise await self._death()
        return answer

    async def _death(self) -> WorkerDiedError:
        await self.kill()
        return WorkerDiedError(self._process.returncode or 0)

    async def end(self) -> None:
        """Let it end by itself, or else kill it."""
        self._input.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), END_SECONDS)
        await self.kill()

    async def kill(self) -> None:
        """End it at once, whatever it does, unless it has ended."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
