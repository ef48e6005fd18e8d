"""Run real workers on the service's kind of event loop, and find their processes."""

import asyncio
import io
import os
import signal
import subprocess
import sys
import termios
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from fcntl import ioctl
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import uvloop
from PIL import Image

from authsvc.imaging.decoder.pool import DecoderPool
from authsvc.model import ImageType
from tests.support.up.processes import descendants, status_of

DEADLINE_SECONDS = 250.0
GIB = 2**30

T = TypeVar("T")


def run(act: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run `act` as the service would."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(asyncio.wait_for(act(), DEADLINE_SECONDS))


@asynccontextmanager
async def pool(
    *, count: int = 1, max_waiting: int = 8, seconds: float = 30, max_memory_bytes: int = GIB
) -> AsyncIterator[DecoderPool]:
    """Yield a pool that is closed afterwards; a job may take `seconds`."""
    workers = DecoderPool(count=count, max_waiting=max_waiting, timeout=seconds, max_memory_bytes=max_memory_bytes)
    try:
        yield workers
    finally:
        await workers.close()
        assert processes() == set()


class SharedWorker:
    """One worker for tests that only check its results: starting one takes half a second of processor time.

    A context manager. Other tests do not see its process.
    """

    def __enter__(self) -> Self:
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self._workers = DecoderPool(count=1, max_waiting=8, timeout=30, max_memory_bytes=GIB)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self._workers.close())
        self._runner.close()
        _shared.clear()

    def do(self, act: Callable[[DecoderPool], Coroutine[Any, Any, T]]) -> T:
        """Run `act` with the worker, which is started again if an earlier job ended it."""
        others = processes()
        try:
            return self._runner.run(asyncio.wait_for(act(self._workers), DEADLINE_SECONDS))
        finally:
            _shared.update(processes() - others)


_shared: set[int] = set()


def processes(parent: int | None = None) -> set[int]:
    """Return the worker processes that a process, by default this one, has now."""
    wanted = str(parent or os.getpid())
    return {
        process.pid
        for process in descendants(os.getpid())
        if process.pid not in _shared
        and status_of(process.pid)["PPid"] == wanted
        and "authsvc.imaging.decoder.process" in Path(f"/proc/{process.pid}/cmdline").read_text().split("\0")
    }


async def wait_for(probe: Callable[[], T], what: str) -> T:
    """Return the first truthy result of `probe`, while the event loop runs."""
    deadline = asyncio.get_running_loop().time() + DEADLINE_SECONDS / 2
    while not (result := probe()):
        assert asyncio.get_running_loop().time() < deadline, what
        await asyncio.sleep(0.01)
    return result


async def started(workers: DecoderPool, folder: Path) -> int:
    """Start the one worker with a first job; return its process."""
    await workers.check(saved(folder), ImageType.PNG)
    (pid,) = processes()
    return pid


async def outcome(job: Awaitable[None]) -> BaseException | None:
    """Return what a job raises, None when it is done."""
    try:
        await job
    except Exception as error:  # noqa: BLE001 — the test checks it
        return error
    return None


def saved(folder: Path, content: bytes | None = None, name: str = "picture") -> Path:
    """Return a file with this content, by default a PNG."""
    path = folder / name
    if content is None:
        file = io.BytesIO()
        Image.new("RGB", (40, 30), "teal").save(file, "PNG")
        content = file.getvalue()
    path.write_bytes(content)
    return path


def made_by_libvips(program: str) -> bytes:
    """Return the result of an expression with pyvips, from another process; libvips is not loaded here."""
    code = f"import sys, pyvips; sys.stdout.buffer.write({program})"
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60).stdout


async def hung_job(workers: DecoderPool, folder: Path) -> tuple[int, asyncio.Task[BaseException | None]]:
    """Return a stopped worker and the job that it was given."""
    pid = await started(workers, folder)
    os.kill(pid, signal.SIGSTOP)
    return pid, asyncio.create_task(outcome(workers.check(folder / "picture", ImageType.PNG)))


async def until_asked() -> None:
    """Wait until a stopped worker has a job that it has not read."""
    await wait_for(lambda: any(map(_unread, Path("/proc/self/fd").iterdir())), "a worker was sent a job")


def _unread(descriptor: Path) -> int:
    """Return how much of what this process sent to a socket was not read by the other end, 0 for other files."""
    with suppress(OSError):
        return int.from_bytes(ioctl(int(descriptor.name), termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    return 0
