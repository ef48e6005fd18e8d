"""One worker as its parent sees it: a process, and two pipes."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from typing import Final, Self, cast

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
            "authsvc.imaging.worker",
            str(os.getpid()),
            str(max_memory_bytes),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,  # decoders print a line for each picture that they find fault with
            env=environment | _SETTINGS,
        )
        worker = cls(process)
        try:
            await asyncio.wait_for(worker._receive(), START_SECONDS)
        except (asyncio.CancelledError, TimeoutError):
            await worker.kill()
            raise
        return worker

    async def ask(self, line: bytes) -> bytes:
        """Send a job's line, return the answer's. Raises WorkerDiedError."""
        # uvloop says RuntimeError where asyncio says ConnectionError.
        with suppress(ConnectionError, RuntimeError):
            self._input.write(line)
            await self._input.drain()
        return await self._receive()

    async def _receive(self) -> bytes:
        answer = b""
        with suppress(ConnectionError):
            answer = await self._output.readline()
        if not answer.endswith(b"\n"):
            await self.kill()
            raise WorkerDiedError(self._process.returncode or 0)
        return answer

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
