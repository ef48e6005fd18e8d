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
from authsvc.model import ImageType
from tests.support.decoder.pool import hung_job, outcome, pool, processes, run, saved, started
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
            await workers.check(tmp_path / "picture", ImageType.PNG)
            assert processes() == {pid}

    run(act)


PARENT = """
import asyncio, sys
from pathlib import Path
from authsvc.imaging.decoder.pool import DecoderPool
from authsvc.model import ImageType

async def main():
    workers = DecoderPool(count=1, max_waiting=1, timeout=60, max_memory_bytes=2**30)
    await workers.check(Path(sys.argv[1]), ImageType.PNG)
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


def test_worker_has_limits_and_a_low_priority(tmp_path: Path) -> None:
    async def act() -> None:
        async with pool(max_memory_bytes=2**29) as workers:
            pid = await started(workers, tmp_path)
            limits = [line.split() for line in proc(pid, "limits").decode().splitlines()]
            assert ["Max", "address", "space", "536870912", "536870912", "bytes"] in limits
            assert ["Max", "core", "file", "size", "0", "0", "bytes"] in limits
            assert os.getpriority(os.PRIO_PROCESS, pid) == min(os.getpriority(os.PRIO_PROCESS, 0) + 10, 19)
            assert b"VIPS_CONCURRENCY=1" in proc(pid, "environ").split(b"\0")

    run(act)


def test_worker_does_not_get_the_socket_of_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere")

    async def act() -> None:
        async with pool() as workers:
            pid = await started(workers, tmp_path)
            assert b"NOTIFY_SOCKET" not in proc(pid, "environ")

    run(act)


def test_this_process_never_loads_a_decoder(tmp_path: Path) -> None:
    async def act() -> None:
        async with pool() as workers:
            await started(workers, tmp_path)

    run(act)
    code = (
        "import sys, authsvc.service.app; "
        "sys.exit('pyvips' in sys.modules or 'authsvc.imaging.decoder.vips' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(
    ("code", "status"),
    [("raise ImportError('no libvips')", 1), ("print('a greeting', flush=True)", -signal.SIGKILL)],
    ids=["without libvips", "with another first word"],
)
def test_worker_that_cannot_start_makes_the_job_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: str, status: int
) -> None:
    replace_libvips(tmp_path / "modules", monkeypatch, code)

    async def act() -> None:
        async with pool() as workers:
            assert isinstance(await outcome(workers.check(saved(tmp_path), ImageType.PNG)), Busy)
            assert processes() == set()

    run(act)
    assert caplog.messages == [f"cannot start a worker to decode pictures: WorkerDiedError({status})"]


def test_worker_of_another_process_ends_at_once() -> None:
    command = [sys.executable, "-m", "authsvc.imaging.decoder.process", "1", str(2**30)]
    assert subprocess.run(command, stdin=subprocess.DEVNULL, check=False, timeout=60).returncode == 1


@pytest.mark.parametrize(
    "answer",
    [b"something a library prints\n", b"{}\n", b'{"failure": "invented", "reason": ""}\n', 70_000 * b"x"],
    ids=["text", "no result", "an unknown failure", "a line without end"],
)
def test_worker_with_an_invalid_answer_is_replaced_before_the_next_job(tmp_path: Path, answer: bytes) -> None:
    async def act() -> None:
        async with pool() as workers:
            pid, job = await hung_job(workers, tmp_path)
            await asyncio.to_thread(_answer_for, pid, answer)
            assert await job is None
            assert processes().isdisjoint({pid})
            broken = saved(tmp_path, b"\x89PNG\r\n\x1a\n" + bytes(40), "broken")
            assert isinstance(await outcome(workers.check(broken, ImageType.PNG)), Corrupt)
            assert await outcome(workers.check(tmp_path / "picture", ImageType.PNG)) is None

    run(act)


def _answer_for(pid: int, answer: bytes) -> None:
    """Write into the socket through which a worker answers: its only socket besides its input."""
    (answers,) = [
        number for number, file in _open_files(pid).items() if number != 0 and not file.startswith(os.devnull)
    ]
    worker = os.pidfd_open(pid)
    # pidfd_getfd(2): Python has no function for it. Its number is the same on every architecture.
    descriptor = ctypes.CDLL(None, use_errno=True).syscall(438, worker, answers, 0)
    os.close(worker)
    assert descriptor >= 0, os.strerror(ctypes.get_errno())
    with socket.socket(fileno=descriptor) as connection:
        connection.sendall(answer)


def _open_files(pid: int) -> dict[int, str]:
    return {int(path.name): str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()}


def test_output_of_libraries_is_not_an_answer(tmp_path: Path) -> None:
    async def act() -> None:
        async with pool() as workers:
            pid = await started(workers, tmp_path)
            files = _open_files(pid)
            assert [files[1], files[2]] == [os.devnull] * 2

    run(act)


def test_worker_inherits_no_files_of_its_service(tmp_path: Path) -> None:
    async def act() -> None:
        with (tmp_path / "secret").open("wb") as secret:
            # Like the descriptors that systemd passes to the service.
            os.set_inheritable(secret.fileno(), True)  # noqa: FBT003 — its signature
            async with pool() as workers:
                pid = await started(workers, tmp_path)
                files = _open_files(pid)
                assert len(files) == 4
                assert str(tmp_path / "secret") not in files.values()

    run(act)


def test_processor_time_of_an_ended_worker_is_zero() -> None:
    async def act() -> None:
        worker = await WorkerHandle.start(2**30)
        assert worker.processor_seconds() > 0
        await worker.kill()
        assert (worker.processor_seconds(), worker.has_ended) == (0.0, True)

    run(act)
