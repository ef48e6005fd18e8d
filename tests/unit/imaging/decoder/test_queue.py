"""Jobs that wait for the scheduler, and callers that give up at any moment."""

import asyncio

import pytest

from authsvc.errors import Busy
from authsvc.imaging.decoder.job import Inspection
from authsvc.imaging.decoder.queue import JobQueue
from authsvc.imaging.decoder.scheduler import Scheduler

JOB = Inspection("ann")


def queue() -> JobQueue:
    """Return a queue for one worker in which two jobs may wait."""
    return JobQueue(Scheduler(1, max_uploads=2, max_sizes=2))


def test_job_that_nobody_waits_for_any_more_gives_its_place_to_the_next() -> None:
    async def act() -> None:
        jobs = queue()
        running = await jobs.enter(JOB)
        second, third = (asyncio.create_task(jobs.enter(JOB)) for _ in range(2))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait([second])
        jobs.leave(running)
        jobs.leave(await third)
        await jobs.enter(JOB)

    asyncio.run(act())


def test_job_that_is_cancelled_when_it_may_run_gives_its_place_to_the_next() -> None:
    async def act() -> None:
        jobs = queue()
        running = await jobs.enter(JOB)
        second, third = (asyncio.create_task(jobs.enter(JOB)) for _ in range(2))
        await asyncio.sleep(0)
        jobs.leave(running)
        second.cancel()
        await asyncio.wait([second])
        assert second.cancelled()
        jobs.leave(await third)

    asyncio.run(act())


def test_all_jobs_of_a_closed_service_are_cancelled() -> None:
    async def act() -> None:
        jobs = queue()
        running = await jobs.enter(JOB)
        waiting = [asyncio.create_task(jobs.enter(JOB)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await jobs.enter(JOB)
        for job in waiting:
            job.cancel()
        jobs.leave(running)
        await asyncio.wait(waiting)
        jobs.leave(await jobs.enter(JOB))

    asyncio.run(act())
