"""The service's side of one worker: a process and a socket."""

import asyncio
import os
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from contextlib import suppress
from typing import Final, Self

from authsvc.imaging.decoder.answer import Accepted, Answer, Made, answer_from
from authsvc.imaging.decoder.confinement import Confinement
from authsvc.imaging.decoder.job import MAX_MESSAGE_BYTES, Job
from authsvc.imaging.decoder.options import WorkerOptions
from authsvc.imaging.decoder.result_file import ResultFile
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
    # Otherwise a large picture is decoded into a temporary file. The limit of memory applies first.
    "VIPS_DISC_THRESHOLD": "1000g",
}
_DEVELOPERS_PREFIXES: Final = ("PYTHON", "COVERAGE_")
"""Variables for an interpreter that runs from a checkout, and for measuring it. An installed one ignores them."""


class WorkerDiedError(Exception):
    """The worker has ended; `status` is its exit status, or the negative number of the signal that ended it."""

    def __init__(self, status: int, *, had_started: bool = True) -> None:
        super().__init__(status)
        self.status = status
        self.had_started = had_started


class WorkerHandle:
    """A running worker, which does one job at a time. For one event loop."""

    def __init__(self, process: Process, connection: socket.socket, options: WorkerOptions) -> None:
        self._process = process
        self._connection = connection
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._message: asyncio.Future[bytes] = self._loop.create_future()
        # For as long as the worker lives: to begin and stop listening for each job costs two system calls.
        self._loop.add_reader(connection, self._receive)
        self._is_usable = True
        self.jobs_done = 0
        self.confinement = Confinement(has_filter=False, landlock_version=0)

    @classmethod
    async def start(cls, options: WorkerOptions) -> Self:
        """Start a worker and wait until it is ready. Raises OSError, WorkerDiedError or TimeoutError."""
        isolated = ["-I"] if sys.flags.isolated else []
        # Each message is received as it was sent, with its descriptors: unix(7).
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        with theirs:
            theirs.setblocking(True)  # noqa: FBT003 — its signature
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *isolated,
                    "-m",
                    "authsvc.imaging.decoder.process",
                    str(os.getpid()),
                    options.to_argument(),
                    stdin=theirs.fileno(),
                    stdout=DEVNULL,
                    stderr=DEVNULL,  # decoders print a line for each damaged picture
                    env=_environment(),
                )
            except BaseException:
                ours.close()
                raise
        worker = cls(process, ours, options)
        try:
            async with running_timeout(START_SECONDS):
                first = await worker._message
        except (asyncio.CancelledError, TimeoutError):
            await worker.kill()
            raise
        try:
            worker.confinement = Confinement.from_message(first)
        except ValueError:
            await worker.kill()
            raise WorkerDiedError(process.returncode or 0, had_started=False) from None
        return worker

    @property
    def has_ended(self) -> bool:
        """Whether it has ended, or has to, also when the event loop has not noticed that yet."""
        if self._process.returncode is not None or not self._is_usable:
            return True
        try:
            # This leaves the exit status for the event loop.
            return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True

    def processor_seconds(self) -> float:
        """Return how much processor time it has used so far; 0 when it has ended."""
        return processor_seconds_of(self._process.pid)

    async def run(self, job: Job, picture: int, result: ResultFile) -> Answer:
        """Have a job done on the picture with this descriptor; what it writes is in `result`, which cannot change.

        Raises WorkerDiedError, also when the worker is killed for an invalid answer.
        """
        if not self._is_usable:
            raise await self._death()
        self._message = self._loop.create_future()
        with suppress(OSError):  # it has ended, and the socket reports that below
            socket.send_fds(self._connection, [job.to_message()], [picture, result.descriptor])
        message = await self._message
        self.jobs_done += 1
        try:
            answer = answer_from(message, job, self._options.limits)
            result.seal()
        except (ValueError, OSError):
            # Kill it: its next answer could belong to this job.
            raise await self._death() from None
        if _written_bytes(answer) not in {None, result.size}:
            raise await self._death()
        return answer

    def _receive(self) -> None:
        """Pass on a message, which is empty when the worker has closed its end."""
        try:
            message = self._connection.recv(MAX_MESSAGE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            message = b""
        if not message:
            self._loop.remove_reader(self._connection)
        if self._message.done():
            # Nothing was asked: what it sends next could be taken for the answer to another job.
            self._is_usable = False
        else:
            self._message.set_result(message)

    async def _death(self) -> WorkerDiedError:
        await self.kill()
        return WorkerDiedError(self._process.returncode or 0)

    async def end(self) -> None:
        """Let it end by itself; kill it when it does not."""
        self._connection.shutdown(socket.SHUT_WR)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), END_SECONDS)
        await self.kill()

    async def kill(self) -> None:
        """Kill it at once, unless it has ended."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        if self._connection.fileno() >= 0:  # not closed yet
            self._loop.remove_reader(self._connection)
            self._connection.close()


def _written_bytes(answer: Answer) -> int | None:
    """Return how many bytes the worker claims to have written, None if it has nothing to write."""
    match answer:
        case Accepted(clean_bytes=count) | Made(size=count):
            return count
        case _:
            return None


def _environment() -> dict[str, str]:
    """Return the variables of a worker: what Python and libvips need, and nothing else of the service's."""
    if sys.flags.isolated:
        return _SETTINGS
    return {name: value for name, value in os.environ.items() if name.startswith(_DEVELOPERS_PREFIXES)} | _SETTINGS
