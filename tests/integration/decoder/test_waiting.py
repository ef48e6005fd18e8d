"""Jobs that wait for a worker, and how workers are shared."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from authsvc.errors import Busy, Unavailable
from authsvc.imaging.decoder.job import SizeJob
from authsvc.model import ImageType
from tests.support.decoder.pool import (
    check,
    hung_job,
    make,
    outcome,
    pool,
    processes,
    run,
    saved,
    started,
    until_asked,
    wait_for,
)
from tests.support.times import shorten


def open_files() -> list[str]:
    """Return the files that this process has open, except the folder that is being read."""
    return [str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]


@pytest.mark.waits_for("decoder_wait")
def test_job_that_waits_too_long_for_a_worker_is_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch, "authsvc.imaging.decoder.queue", decoder_wait=0.3)

    async def act() -> None:
        async with pool() as workers:
            pid, first = await hung_job(workers, tmp_path)
            await asyncio.sleep(0)
            assert isinstance(await outcome(check(workers, tmp_path / "picture")), Busy)
            os.kill(pid, signal.SIGCONT)
            assert await first is None
            # Its place is free again.
            await check(workers, tmp_path / "picture")

    run(act)


def test_more_jobs_than_may_wait_are_refused_at_once(tmp_path: Path) -> None:
    async def act() -> None:
        async with pool(max_waiting=2) as workers:
            pid, first = await hung_job(workers, tmp_path)
            picture = tmp_path / "picture"
            waiting = [asyncio.create_task(outcome(check(workers, picture))) for _ in range(2)]
            await asyncio.sleep(0)
            assert isinstance(await outcome(check(workers, tmp_path / "picture")), Busy)
            waiting[0].cancel()
            await asyncio.wait([waiting[0]])
            instead = asyncio.create_task(outcome(check(workers, tmp_path / "picture")))
            await asyncio.sleep(0)
            assert not instead.done()
            os.kill(pid, signal.SIGCONT)
            assert [await job for job in (first, waiting[1], instead)] == [None] * 3

    run(act)


def test_worker_of_a_cancelled_job_is_used_again(tmp_path: Path) -> None:
    async def act() -> None:
        async with pool() as workers:
            pid = await started(workers, tmp_path)
            os.kill(pid, signal.SIGSTOP)
            size_job = SizeJob(ImageType.PNG, 20, ImageType.WEBP)
            job = asyncio.create_task(make(workers, tmp_path / "picture", size_job))
            await asyncio.sleep(0)
            job.cancel()
            await asyncio.wait([job])
            assert job.cancelled()
            os.kill(pid, signal.SIGCONT)
            await make(workers, tmp_path / "picture", size_job)
            assert processes() == {pid}
            assert not any(name.startswith("/memfd:") for name in open_files())

    run(act)


def test_close_fails_the_current_job_and_accepts_no_more(tmp_path: Path) -> None:
    async def act() -> None:
        async with pool() as workers:
            pid, job = await hung_job(workers, tmp_path)
            await asyncio.sleep(0)
            await workers.close()
            assert isinstance(await job, Unavailable)
            assert pid not in processes()
            assert isinstance(await outcome(check(workers, tmp_path / "picture")), Unavailable)

    run(act)


def test_worker_that_does_not_end_by_itself_is_killed(tmp_path: Path) -> None:
    async def act() -> None:
        async with pool() as workers:
            os.kill(await started(workers, tmp_path), signal.SIGSTOP)

    run(act)
    assert processes() == set()


def test_as_many_jobs_run_as_there_are_workers(tmp_path: Path) -> None:
    async def act() -> None:
        async with pool(count=3) as workers:
            path = saved(tmp_path)
            await asyncio.gather(*(check(workers, path) for _ in range(9)))
            assert len(processes()) == 3
            before = processes()
            await asyncio.gather(*(check(workers, path) for _ in range(9)))
            assert processes() == before

    run(act)


def test_extra_worker_ends_when_it_has_nothing_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("authsvc.imaging.decoder.pool.EXTRA_IDLE_SECONDS", 0.1)

    async def act() -> None:
        async with pool() as workers:
            pid, first = await hung_job(workers, tmp_path)
            await until_asked()
            for _ in range(2):
                await check(workers, tmp_path / "picture", owner="another owner")
            assert len(processes()) == 2
            os.kill(pid, signal.SIGCONT)
            assert await first is None
            await wait_for(lambda: len(processes()) == 1, "the extra worker has ended")
            await check(workers, tmp_path / "picture")

    run(act)


def test_close_fails_a_job_that_a_worker_has_begun(tmp_path: Path) -> None:
    async def act() -> None:
        async with pool() as workers:
            pid, job = await hung_job(workers, tmp_path)
            await until_asked()
            await workers.close()
            assert isinstance(await job, Unavailable)
            assert processes().isdisjoint({pid})

    run(act)
