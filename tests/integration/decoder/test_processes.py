"""A worker as a process: it has fewer rights and resources than the service, and never outlives it."""

import asyncio
import ctypes
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from authsvc.errors import Busy, Corrupt
from authsvc.imaging.decoder.handle import WorkerHandle
from tests.support.decoder.pool import OPTIONS, check, hung_job, outcome, pool, processes, run, saved, started
from tests.support.stack import wait_until
from tests.support.up.processes import status_of


def replace_libvips(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Make new workers load this code instead of libvips."""
    folder.mkdir()
    (folder / "pyvips.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", f"{folder}:{os.environ.get('PYTHONPATH', '')}")


def proc(pid: int, name: str) -> bytes:
    return Path(f"/proc/{pid}/{name}").read_bytes()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_to_the_whole_group_ends_no_worker(tmp_path: Path, number: signal.Signals) -> None:
    async def act() -> None:
        async with pool() as workers:
            pid = await started(workers, tmp_path)
            os.kill(pid, number)
            await check(workers, tmp_path / "picture")
            assert processes() == {pid}

    run(act)


PARENT = """
import asyncio, sys
from pathlib import Path
from authsvc.imaging.decoder.pool import DecoderPool
from tests.support.decoder.pool import OPTIONS, check, scheduler

async def main():
    workers = DecoderPool(OPTIONS, scheduler(1), timeout=60)
    await check(workers, Path(sys.argv[1]))
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.parametrize("is_hung", [False, True], ids=["idle", "stopped"])
def test_worker_never_outlives_its_service(tmp_path: Path, *, is_hung: bool) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(saved(tmp_path))], stdout=subprocess.PIPE, text=True)
    with parent:
        try:
            assert parent.stdout is not None
            assert parent.stdout.readline() == "ready\n"
            (pid,) = processes(parent.pid)
            if is_hung:
                os.kill(pid, signal.SIGSTOP)
        finally:
            parent.kill()
        parent.wait(60)
    wait_until(lambda: not Path(f"/proc/{pid}").exists() or status_of(pid)["State"].startswith("Z"), "it has ended")


def niceness_of_threads(pid: int) -> set[int]:
    return {os.getpriority(os.PRIO_PROCESS, int(task.name)) for task in Path(f"/proc/{pid}/task").iterdir()}


def test_worker_has_limits_and_a_low_priority(tmp_path: Path) -> None:
    async def act() -> None:
        async with pool(max_memory_bytes=2**29) as workers:
            pid = await started(workers, tmp_path)
            limits = [line.split() for line in proc(pid, "limits").decode().splitlines()]
            assert ["Max", "address", "space", "536870912", "536870912", "bytes"] in limits
            assert ["Max", "core", "file", "size", "0", "0", "bytes"] in limits
            assert niceness_of_threads(pid) == {min(os.getpriority(os.PRIO_PROCESS, 0) + 10, 19)}

    run(act)


def test_service_never_loads_a_decoder_or_a_walker(tmp_path: Path) -> None:
    async def act() -> None:
        async with pool() as workers:
            await started(workers, tmp_path)

    run(act)
    code = (
        "import sys, authsvc.service.app; "
        "sys.exit(not {'pyvips', 'authsvc.imaging.decoder.vips', 'authsvc.imaging.formats'}.isdisjoint(sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("raise ImportError('no libvips')", 1),
        ("import socket; socket.socket(fileno=0).send(b'a greeting'); input()", -signal.SIGKILL),
    ],
    ids=["without libvips", "with another first word"],
)
def test_worker_that_cannot_start_makes_the_job_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: str, status: int
) -> None:
    replace_libvips(tmp_path / "modules", monkeypatch, code)

    async def act() -> None:
        async with pool() as workers:
            assert isinstance(await outcome(check(workers, saved(tmp_path))), Busy)
            assert processes() == set()

    run(act)
    assert caplog.messages == [f"cannot start a worker to decode pictures: WorkerDiedError({status})"]


def test_worker_of_another_process_ends_at_once() -> None:
    command = [sys.executable, "-m", "authsvc.imaging.decoder.process", "1", OPTIONS.to_argument()]
    assert subprocess.run(command, stdin=subprocess.DEVNULL, check=False, timeout=60).returncode == 1


@pytest.mark.needs_root
@pytest.mark.parametrize(
    "answer",
    [
        b"something a library prints",
        b"{}",
        b"[" * 10_000,
        b'["png", 40, 30]',
        b'["png", 40, 30, null, 1]',
        b'["svg", 40, 30, null]',
        b'["png", 0, 30, null]',
        b'["png", 16385, 1, null]',
        b'["png", 16384, 16384, null]',
        b'["png", "40", 30, null]',
        b'["png", 40.5, 30, null]',
        b'["png", 40, 30, 100]',
        b'["png", 40, 30, 0]',
        b'["png", 40, 30, -1]',
        b"[100]",
        b'{"refusal": "invented", "values": {}}',
        b'{"refusal": "full", "values": {}}',
        b'{"refusal": "corrupt", "values": {"kind": "PNG"}}',
        b'{"refusal": "corrupt", "values": {"kind": "PNG", "reason": ["a list"]}}',
        b'{"refusal": "corrupt", "values": {"kind": "PNG", "reason": "%s"}}' % (b"x" * 3000),
        b'{"refusal": "unsupported", "values": {}, "more": 1}',
        b'{"bug": 1}',
    ],
    ids=[
        "text",
        "an empty object",
        "endless nesting",
        "too short",
        "too long",
        "another type",
        "no pixels",
        "a side beyond the limit",
        "pixels beyond the limit",
        "a number as text",
        "a fraction",
        "a clean file that is not there",
        "an empty clean file",
        "a negative length",
        "the answer to another job",
        "an unknown refusal",
        "the refusal of another part",
        "a refusal without its values",
        "a refusal with a list",
        "a refusal with a very long text",
        "a refusal with more fields",
        "a traceback that is not text",
    ],
)
def test_worker_with_an_invalid_answer_is_replaced_before_the_next_job(tmp_path: Path, answer: bytes) -> None:
    async def act() -> None:
        async with pool() as workers:
            pid, job = await hung_job(workers, tmp_path)
            await asyncio.to_thread(_answer_for, pid, answer)
            assert await job is None
            assert processes().isdisjoint({pid})
            broken = saved(tmp_path, b"\x89PNG\r\n\x1a\n" + bytes(40), "broken")
            assert isinstance(await outcome(check(workers, broken)), Corrupt)
            assert await outcome(check(workers, tmp_path / "picture")) is None

    run(act)


def _answer_for(pid: int, answer: bytes) -> None:
    """Write into the socket of a worker, which is its input."""
    worker = os.pidfd_open(pid)
    # pidfd_getfd(2): Python has no function for it. Its number is the same on every architecture.
    descriptor = ctypes.CDLL(None, use_errno=True).syscall(438, worker, 0, 0)
    os.close(worker)
    assert descriptor >= 0, os.strerror(ctypes.get_errno())
    with socket.socket(fileno=descriptor) as connection:
        connection.send(answer)


def _open_files(pid: int) -> dict[int, str]:
    return {int(path.name): str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()}


@pytest.mark.needs_root
def test_output_of_libraries_is_not_an_answer(tmp_path: Path) -> None:
    async def act() -> None:
        async with pool() as workers:
            pid = await started(workers, tmp_path)
            files = _open_files(pid)
            assert [files[1], files[2]] == [os.devnull] * 2

    run(act)


@pytest.mark.needs_root
def test_worker_inherits_no_files_of_its_service(tmp_path: Path) -> None:
    async def act() -> None:
        with (tmp_path / "secret").open("wb") as secret:
            # Like the descriptors that systemd passes to the service.
            os.set_inheritable(secret.fileno(), True)  # noqa: FBT003 — its signature
            async with pool() as workers:
                pid = await started(workers, tmp_path)
                files = _open_files(pid)
                assert len(files) == 3
                assert str(tmp_path / "secret") not in files.values()

    run(act)


def test_processor_time_of_an_ended_worker_is_zero() -> None:
    async def act() -> None:
        worker = await WorkerHandle.start(OPTIONS)
        assert worker.processor_seconds() > 0
        await worker.kill()
        assert (worker.processor_seconds(), worker.has_ended) == (0.0, True)

    run(act)
