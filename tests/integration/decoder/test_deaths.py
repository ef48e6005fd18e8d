"""A worker that dies fails only its own job, and only when the second worker dies, too."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from authsvc.errors import Bomb, Busy, Corrupt, Internal, TooSlow
from authsvc.imaging.decoder.job import SizeJob
from authsvc.model import ImageType
from tests.support.decoder.pool import (
    check,
    hung_job,
    made_by_libvips,
    outcome,
    pool,
    processes,
    run,
    saved,
    until_asked,
    wait_for,
)


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
def test_second_death_fails_only_that_job(tmp_path: Path, number: signal.Signals, error: type[Exception]) -> None:
    async def act() -> None:
        async with pool(count=2) as workers:
            pid, job = await hung_job(workers, tmp_path)
            other = saved(tmp_path, name="other")
            neighbour = asyncio.create_task(outcome(check(workers, other)))
            assert await neighbour is None
            # The neighbour's worker is free now and gets the second attempt.
            (second,) = processes() - {pid}
            os.kill(second, signal.SIGSTOP)
            os.kill(pid, number)
            os.kill(pid, signal.SIGCONT)
            # Removed altogether, with the job that it did not read.
            await wait_for(lambda: not Path(f"/proc/{pid}").exists(), "the first has ended")
            await until_asked()
            os.kill(second, number)
            os.kill(second, signal.SIGCONT)
            assert isinstance(await job, error)
            await check(workers, other)

    run(act)


def test_job_that_computes_too_long_is_stopped_with_its_worker(tmp_path: Path) -> None:
    slow = made_by_libvips(
        "pyvips.Image.black(7000, 7000, bands=4).cast('ushort').write_to_buffer('.png', compression=1)"
    )

    async def act() -> None:
        async with pool(seconds=0.1) as workers:
            # A worker that decodes a small picture in time needs half a second for this one.
            path = saved(tmp_path, slow, "slow")
            errors: list[BaseException | None] = []
            # On a busy machine a worker may get too little of a processor to be blamed.
            while TooSlow not in {type(error) for error in errors}:
                errors.append(await outcome(check(workers, path)))
            assert {error.text for error in errors if isinstance(error, TooSlow)} == {
                "Decoding the picture takes longer than 0.1 seconds. Make it smaller, or raise decode_timeout."
            }
            assert processes() == set()

    run(act)


def test_job_without_processor_time_is_busy_and_not_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def act() -> None:
        async with pool(seconds=3) as workers:
            pid, job = await hung_job(workers, tmp_path)
            assert isinstance(await job, Busy)
            assert pid not in processes()
            await check(workers, tmp_path / "picture")

    run(act)
    assert ["a worker got only 0.0 s of processor time within 3 s" in message for message in caplog.messages] == [True]


def test_unexpected_error_is_logged_and_fails_one_job(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def act() -> BaseException | None:
        async with pool() as workers:
            folder = os.open(tmp_path, os.O_RDONLY)
            error = await outcome(workers.make_size(folder, SizeJob(ImageType.PNG, 20, ImageType.WEBP)))
            os.close(folder)
            await check(workers, saved(tmp_path))
            return error

    assert isinstance(run(act), Internal)
    # Without lines of code: the worker cannot open its own files.
    assert ["in _mapped\nOSError: [Errno 22]" in message for message in caplog.messages] == [True]


def test_workers_that_died_while_idle_do_not_count_as_attempts(tmp_path: Path) -> None:
    async def act() -> None:
        async with pool(count=2) as workers:
            path = saved(tmp_path)
            await asyncio.gather(*(check(workers, path) for _ in range(2)))
            dead = processes()
            assert len(dead) == 2
            for pid in dead:
                os.kill(pid, signal.SIGKILL)
            await wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in dead), "both have ended")
            # The job has two attempts, and neither dead worker may use one up.
            await check(workers, path)
            assert processes().isdisjoint(dead)

    run(act)
