"""What the death of a worker costs: its own job, and that only when it dies twice."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from authsvc.errors import Bomb, Busy, Corrupt, Internal, TooSlow
from authsvc.imaging.decoder.job import SizeJob
from authsvc.model import ImageType
from tests.support.decoder.pool import (
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
            errors: list[BaseException | None] = []
            # On a busy machine a worker may get too little of a processor to be blamed.
            while TooSlow not in {type(error) for error in errors}:
                errors.append(await outcome(workers.check(path, ImageType.PNG)))
            assert {error.text for error in errors if isinstance(error, TooSlow)} == {
                "Decoding the picture takes longer than 0.1 seconds. Make it smaller, or raise decode_timeout."
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
    assert ["a worker got only 0.0 s of processor time within 3 s" in message for message in caplog.messages] == [True]


def test_fault_of_ours_is_logged_and_costs_one_job(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def act() -> BaseException | None:
        async with pool() as workers:
            # No file can be called so.
            job = SizeJob(Path("no\0name"), ImageType.PNG, tmp_path / "target", 20, ImageType.WEBP)
            error = await outcome(workers.make_size(job))
            await workers.check(saved(tmp_path), ImageType.PNG)
            return error

    assert isinstance(run(act), Internal)
    assert ["ValueError: embedded null byte" in message for message in caplog.messages] == [True]


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
