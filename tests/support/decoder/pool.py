"""Run real workers on the service's kind of event loop, and find their processes."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import termios
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from fcntl import ioctl
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import uvloop
from PIL import Image

from authsvc.imaging.decoder.answer import Accepted
from authsvc.imaging.decoder.job import SizeJob
from authsvc.imaging.decoder.options import WorkerOptions
from authsvc.imaging.decoder.pool import DecoderPool
from authsvc.imaging.decoder.scheduler import Scheduler
from authsvc.model import ImageType
from tests.support.limits import USUAL
from tests.support.up.processes import descendants, status_of

DEADLINE_SECONDS = 250.0
GIB = 2**30
OPTIONS = WorkerOptions(memory_bytes=GIB, result_bytes=2**26, limits=USUAL, strips=True)

T = TypeVar("T")


def run(act: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run `act` as the service would."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(asyncio.wait_for(act(), DEADLINE_SECONDS))


def scheduler(count: int, *, max_waiting: int = 8) -> Scheduler:
    """Return a scheduler for so many workers, and two more for uploads of other tokens."""
    return Scheduler(count, max_uploads=max_waiting, max_sizes=max_waiting)


@asynccontextmanager
async def pool(
    *,
    count: int = 1,
    max_waiting: int = 8,
    seconds: float = 30,
    max_memory_bytes: int = GIB,
    max_result_bytes: int = 2**26,
) -> AsyncIterator[DecoderPool]:
    """Yield a pool that is closed afterwards; a job may take `seconds`."""
    options = replace(OPTIONS, memory_bytes=max_memory_bytes, result_bytes=max_result_bytes)
    workers = DecoderPool(options, scheduler(count, max_waiting=max_waiting), timeout=seconds)
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
        self._workers = DecoderPool(OPTIONS, scheduler(1), timeout=30)
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
    await check(workers, saved(folder))
    (pid,) = processes()
    return pid


async def check(workers: DecoderPool, path: Path, *, owner: str = "owner") -> Accepted:
    """Have an uploaded picture inspected; return its facts."""
    with path.open("rb") as file:
        accepted, clean = await workers.inspect(file.fileno(), owner=owner)
    clean.close()
    return accepted


async def make(workers: DecoderPool, path: Path, job: SizeJob) -> bytes:
    """Return the size of a picture."""
    with path.open("rb") as file:
        made = await workers.make_size(file.fileno(), job)
    with made:
        return b"".join(made.blocks())


def decoding_errors(pictures: Iterable[tuple[Path, ImageType]], *, max_pixels: int = GIB) -> list[str]:
    """Return for each picture why libvips, set up as in a worker, cannot decode it; "" if it can.

    No walk comes before that.
    """
    code = """
import json, sys
from pathlib import Path
from authsvc.errors import AnswerError
from authsvc.imaging.decoder import vips
from authsvc.model import ImageType

def error(path, kind, max_pixels):
    try:
        vips.decode(Path(path).read_bytes(), ImageType(kind), max_pixels=max_pixels)
    except AnswerError as error:
        return error.text
    return ""

vips.set_up()
print(json.dumps([error(*each) for each in json.load(sys.stdin)]))
"""
    order = json.dumps([[str(path), kind, max_pixels] for path, kind in pictures])
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, input=order, check=True, capture_output=True, text=True, timeout=250)
    found: list[str] = json.loads(done.stdout)
    return found


async def outcome(job: Awaitable[object]) -> BaseException | None:
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
    return pid, asyncio.create_task(outcome(check(workers, folder / "picture")))


async def until_asked() -> None:
    """Wait until a stopped worker has a job that it has not read."""
    await wait_for(lambda: any(map(_unread, Path("/proc/self/fd").iterdir())), "a worker was sent a job")


def _unread(descriptor: Path) -> int:
    """Return how much of what this process sent to a socket was not read by the other end, 0 for other files."""
    with suppress(OSError):
        return int.from_bytes(ioctl(int(descriptor.name), termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    return 0
