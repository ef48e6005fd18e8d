"""What the death of a worker costs: its own job, and that only when it dies twice."""

import asyncio
import ctypes
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import authsvc.imaging.workers
from authsvc.errors import Bomb, Busy, Corrupt, Internal, TooSlow, Unavailable
from authsvc.imaging.job import Derivation
from authsvc.imaging.workerprocess import WorkerProcess
from authsvc.imaging.workers import Workers
from authsvc.model import ImageType
from tests.stack import wait_until
from tests.up.processes import status_of
from tests.workers.pool import made_by_libvips, outcome, pool, processes, run, saved, started, wait_for


def proc(pid: int, name: str) -> bytes:
    return Path(f"/proc/{pid}/{name}").read_bytes()


async def hung_job(workers: Workers, folder: Path) -> tuple[int, asyncio.Task[BaseException | None]]:
    """Return a stopped worker and the job that it was given."""
    pid = await started(workers, folder)
    os.kill(pid, signal.SIGSTOP)
    return pid, asyncio.create_task(outcome(workers.check(folder / "picture", ImageType.PNG)))


async def until_asked() -> None:
    """Wait until the job's own task waits for a worker's answer."""
    for _ in range(20):
        await asyncio.sleep(0.01)


def replace_libvips(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let new workers load this code instead."""
    folder.mkdir()
    (folder / "pyvips.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", f"{folder}:{os.environ.get('PYTHONPATH', '')}")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV], ids=["killed", "crashed"])
def test_job_of_a_worker_that_dies_is_done_by_another(tmp_path: Path, number: signal.Signals) -> None:
    async def act() -> None:
        async with pool() as workers:
            pid, job = await hung_job(workers, tmp_path)
            os.kill(pid, number)
            os.kill(pid, signal.SIGCONT)
            assert await job is None
            assert processes().isdisjoint({pid})
            assert len(processes()) == 1

    run(act)


@pytest.mark.parametrize(
    ("number", "error"),
    [(signal.SIGKILL, Busy), (signal.SIGSEGV, Corrupt), (signal.SIGABRT, Bomb)],
    ids=["killed from outside", "crashed", "aborted"],
)
def test_second_death_ends_the_job_and_no_other(tmp_path: Path, number: signal.Signals, error: type[Exception]) -> None:
    async def act() -> None:
        async with pool(count=2) as workers:
            pid, job = await hung_job(workers, tmp_path)
            other = saved(tmp_path, name="other")
            neighbour = asyncio.create_task(outcome(workers.check(other, ImageType.PNG)))
            assert await neighbour is None
            # The neighbour's worker is free now: the second attempt is its.
            (second,) = processes() - {pid}
            os.kill(second, signal.SIGSTOP)
            os.kill(pid, number)
            os.kill(pid, signal.SIGCONT)
            await wait_for(lambda: pid not in processes(), "the first is gone")
            await until_asked()
            os.kill(second, number)
            os.kill(second, signal.SIGCONT)
            assert isinstance(await job, error)
            await workers.check(other, ImageType.PNG)

    run(act)


def test_job_that_computes_too_long_is_ended_with_its_worker(tmp_path: Path) -> None:
    slow = made_by_libvips("pyvips.Image.black(12000, 12000, bands=3).write_to_buffer('.png', compression=1)")

    async def act() -> None:
        async with pool(seconds=0.1) as workers:
            # What decodes a small picture in time decodes this one for half a second.
            path = saved(tmp_path, slow, "slow")
            errors = [await outcome(workers.check(path, ImageType.PNG)) for _ in range(3)]
            assert TooSlow in {type(error) for error in errors}
            assert {error.text for error in errors if isinstance(error, TooSlow)} == {
                "Decoding the picture takes longer than 0.1 seconds. Make it smaller, or raise image_timeout."
            }
            assert processes() == set()

    run(act)


def test_job_that_gets_no_processor_is_no_fault_of_the_picture(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def act() -> None:
        async with pool(seconds=3) as workers:
            pid, job = await hung_job(workers, tmp_path)
            assert isinstance(await job, Busy)
            assert pid not in processes()
            await workers.check(tmp_path / "picture", ImageType.PNG)

    run(act)
    assert ["a worker got 0.0 s of a processor within 3 s for" in message for message in caplog.messages] == [True]


def test_job_that_waits_long_for_a_worker_is_told_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authsvc.imaging.workers, "MOST_WAITING_SECONDS", 0.3)

    async def act() -> None:
        async with pool() as workers:
            pid, first = await hung_job(workers, tmp_path)
            await asyncio.sleep(0)
            assert isinstance(await outcome(workers.check(tmp_path / "picture", ImageType.PNG)), Busy)
            os.kill(pid, signal.SIGCONT)
            assert await first is None
            # No place was lost by it.
            await workers.check(tmp_path / "picture", ImageType.PNG)

    run(act)


def test_more_jobs_than_may_wait_are_refused_at_once(tmp_path: Path) -> None:
    async def act() -> None:
        async with pool(max_waiting=2) as workers:
            pid, first = await hung_job(workers, tmp_path)
            picture = tmp_path / "picture"
            waiting = [asyncio.create_task(outcome(workers.check(picture, ImageType.PNG))) for _ in range(2)]
            await asyncio.sleep(0)
            assert isinstance(await outcome(workers.check(tmp_path / "picture", ImageType.PNG)), Busy)
            waiting[0].cancel()
            await asyncio.wait([waiting[0]])
            instead = asyncio.create_task(outcome(workers.check(tmp_path / "picture", ImageType.PNG)))
            await asyncio.sleep(0)
            assert not instead.done()
            os.kill(pid, signal.SIGCONT)
            assert [await job for job in (first, waiting[1], instead)] == [None] * 3

    run(act)


def test_worker_whose_job_nobody_waits_for_any_more_is_not_lost(tmp_path: Path) -> None:
    async def act() -> None:
        async with pool() as workers:
            pid = await started(workers, tmp_path)
            os.kill(pid, signal.SIGSTOP)
            target = tmp_path / "target"
            derivation = Derivation(tmp_path / "picture", ImageType.PNG, target, 20, ImageType.WEBP)
            job = asyncio.create_task(workers.derive(derivation))
            await asyncio.sleep(0)
            job.cancel()
            await asyncio.wait([job])
            assert job.cancelled()
            os.kill(pid, signal.SIGCONT)
            await workers.check(tmp_path / "picture", ImageType.PNG)
            assert processes() == {pid}
            assert not target.exists()

    run(act)


def test_close_ends_a_job_under_way_and_takes_no_more(tmp_path: Path) -> None:
    async def act() -> None:
        async with pool() as workers:
            pid, job = await hung_job(workers, tmp_path)
            await asyncio.sleep(0)
            await workers.close()
            assert isinstance(await job, Unavailable)
            assert pid not in processes()
            assert isinstance(await outcome(workers.check(tmp_path / "picture", ImageType.PNG)), Unavailable)

    run(act)


def test_worker_that_does_not_end_by_itself_is_killed_in_the_end(tmp_path: Path) -> None:
    async def act() -> None:
        async with pool() as workers:
            os.kill(await started(workers, tmp_path), signal.SIGSTOP)

    run(act)
    assert processes() == set()


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
from authsvc.imaging.workers import Workers
from authsvc.model import ImageType

async def main():
    workers = Workers(count=1, max_waiting=1, timeout=60, max_memory_bytes=2**30)
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
        parent.wait(30)
    wait_until(lambda: not Path(f"/proc/{pid}").exists() or status_of(pid)["State"].startswith("Z"), "it is gone")


def test_worker_has_less_of_everything_than_its_service(tmp_path: Path) -> None:
    async def act() -> None:
        async with pool(max_memory_bytes=2**29) as workers:
            pid = await started(workers, tmp_path)
            limits = [line.split() for line in proc(pid, "limits").decode().splitlines()]
            assert ["Max", "address", "space", "536870912", "536870912", "bytes"] in limits
            assert ["Max", "core", "file", "size", "0", "0", "bytes"] in limits
            assert os.getpriority(os.PRIO_PROCESS, pid) == min(os.getpriority(os.PRIO_PROCESS, 0) + 10, 19)
            assert b"VIPS_CONCURRENCY=1" in proc(pid, "environ").split(b"\0")

    run(act)


def test_service_is_not_told_of_by_a_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere")

    async def act() -> None:
        async with pool() as workers:
            pid = await started(workers, tmp_path)
            assert b"NOTIFY_SOCKET" not in proc(pid, "environ")

    run(act)


def test_fault_of_ours_is_logged_and_costs_one_job(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def act() -> BaseException | None:
        async with pool() as workers:
            # No file can be called so.
            derivation = Derivation(Path("no\0name"), ImageType.PNG, tmp_path / "target", 20, ImageType.WEBP)
            error = await outcome(workers.derive(derivation))
            await workers.check(saved(tmp_path), ImageType.PNG)
            return error

    assert isinstance(run(act), Internal)
    assert ["ValueError: embedded null byte" in message for message in caplog.messages] == [True]


def test_workers_are_lent_to_as_many_jobs_as_there_are(tmp_path: Path) -> None:
    async def act() -> None:
        async with pool(count=3) as workers:
            path = saved(tmp_path)
            await asyncio.gather(*(workers.check(path, ImageType.PNG) for _ in range(9)))
            assert len(processes()) == 3
            before = processes()
            await asyncio.gather(*(workers.check(path, ImageType.PNG) for _ in range(9)))
            assert processes() == before

    run(act)


def test_this_process_never_loads_a_decoder(tmp_path: Path) -> None:
    async def act() -> None:
        async with pool() as workers:
            await started(workers, tmp_path)

    run(act)
    code = "import sys, authsvc.app; sys.exit('pyvips' in sys.modules or 'authsvc.imaging.codec' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_worker_that_cannot_start_is_no_fault_of_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # As when libvips is missing.
    replace_libvips(tmp_path / "modules", monkeypatch, "raise ImportError('no libvips')")

    async def act() -> None:
        async with pool() as workers:
            assert isinstance(await outcome(workers.check(saved(tmp_path), ImageType.PNG)), Busy)

    run(act)
    assert caplog.messages == ["no worker for pictures can be started: WorkerDiedError(1)"]


def test_worker_whose_first_word_is_another_never_gets_a_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    replace_libvips(tmp_path / "modules", monkeypatch, "print('a greeting', flush=True)")

    async def act() -> None:
        async with pool() as workers:
            assert isinstance(await outcome(workers.check(saved(tmp_path), ImageType.PNG)), Busy)
            assert processes() == set()

    run(act)
    assert caplog.messages == [f"no worker for pictures can be started: WorkerDiedError({-signal.SIGKILL})"]


def test_worker_of_another_process_ends_at_once() -> None:
    command = [sys.executable, "-m", "authsvc.imaging.worker", "1", str(2**30)]
    assert subprocess.run(command, stdin=subprocess.DEVNULL, check=False, timeout=60).returncode == 1


def test_close_ends_a_job_that_a_worker_has_begun(tmp_path: Path) -> None:
    async def act() -> None:
        async with pool() as workers:
            pid, job = await hung_job(workers, tmp_path)
            await until_asked()
            await workers.close()
            assert isinstance(await job, Unavailable)
            assert processes().isdisjoint({pid})

    run(act)


def test_idle_workers_that_have_died_cost_no_job_an_attempt(tmp_path: Path) -> None:
    async def act() -> None:
        async with pool(count=2) as workers:
            path = saved(tmp_path)
            await asyncio.gather(*(workers.check(path, ImageType.PNG) for _ in range(2)))
            dead = processes()
            assert len(dead) == 2
            for pid in dead:
                os.kill(pid, signal.SIGKILL)
            await wait_for(lambda: not processes(), "both are gone")
            # Either would have cost one of two attempts.
            await workers.check(path, ImageType.PNG)
            assert processes().isdisjoint(dead)

    run(act)


@pytest.mark.parametrize(
    "said",
    [b"something a library says\n", b"{}\n", b'{"failure": "unheard of", "reason": ""}\n', 70_000 * b"x"],
    ids=["text", "no result", "an unknown failure", "a line without end"],
)
def test_worker_that_talks_nonsense_is_replaced_before_it_answers_another_job(tmp_path: Path, said: bytes) -> None:
    async def act() -> None:
        async with pool() as workers:
            pid, job = await hung_job(workers, tmp_path)
            # Before the answer, the way that this takes.
            await asyncio.to_thread(_say_for, pid, said)
            assert await job is None
            assert processes().isdisjoint({pid})
            broken = saved(tmp_path, b"\x89PNG\r\n\x1a\n" + bytes(40), "broken")
            assert isinstance(await outcome(workers.check(broken, ImageType.PNG)), Corrupt)
            assert await outcome(workers.check(tmp_path / "picture", ImageType.PNG)) is None

    run(act)


def _say_for(pid: int, said: bytes) -> None:
    """Write into the socket that a worker answers through: the only one that it has besides its input."""
    (answers,) = [
        number for number, file in _open_files(pid).items() if number != 0 and not file.startswith(os.devnull)
    ]
    worker = os.pidfd_open(pid)
    # pidfd_getfd(2), which Python has no function for; it has this number on every architecture.
    descriptor = ctypes.CDLL(None, use_errno=True).syscall(438, worker, answers, 0)
    os.close(worker)
    assert descriptor >= 0, os.strerror(ctypes.get_errno())
    with socket.socket(fileno=descriptor) as connection:
        connection.sendall(said)


def _open_files(pid: int) -> dict[int, str]:
    return {int(path.name): str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()}


def test_what_libraries_print_is_no_answer(tmp_path: Path) -> None:
    async def act() -> None:
        async with pool() as workers:
            pid = await started(workers, tmp_path)
            files = _open_files(pid)
            assert [files[1], files[2]] == [os.devnull] * 2

    run(act)


def test_worker_has_no_other_file_of_its_service(tmp_path: Path) -> None:
    async def act() -> None:
        with (tmp_path / "secret").open("wb") as secret:
            # As descriptors that systemd hands over are.
            os.set_inheritable(secret.fileno(), True)  # noqa: FBT003 — its signature
            async with pool() as workers:
                pid = await started(workers, tmp_path)
                files = _open_files(pid)
                assert len(files) == 4
                assert str(tmp_path / "secret") not in files.values()

    run(act)


def test_worker_that_has_ended_has_had_no_processor() -> None:
    async def act() -> None:
        worker = await WorkerProcess.start(2**30)
        assert worker.processor_seconds() > 0
        await worker.kill()
        assert (worker.processor_seconds(), worker.has_ended) == (0.0, True)

    run(act)
