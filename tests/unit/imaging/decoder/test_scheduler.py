"""Which job runs next, for given jobs that wait and run."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from authsvc.imaging.decoder.scheduler import EXTRA_WORKERS, Place, Scheduler

MAX_UPLOADS, MAX_SIZES = 6, 4


@dataclass
class Desk:
    """A scheduler whose jobs start as soon as they may, with the places that wait and run.

    A job is written as its kind and its owner: `u:ann` is an upload of Ann's, `s:` a size.
    """

    workers: int
    waiting: list[Place] = field(default_factory=list)
    running: list[Place] = field(default_factory=list)
    started: list[Place] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.scheduler = Scheduler(self.workers, max_uploads=MAX_UPLOADS, max_sizes=MAX_SIZES)

    def add(self, *jobs: str) -> list[bool]:
        """Add jobs; return for each whether it was accepted."""
        return [self._add_one(job) for job in jobs]

    def end(self, *jobs: str) -> None:
        """End running jobs, the first one that is written so."""
        for job in jobs:
            place = next(place for place in self.running if written(place) == job)
            self.running.remove(place)
            self.scheduler.end(place)
            self._start()

    def _add_one(self, job: str) -> bool:
        kind, owner = job.split(":")
        place = Place(owner, is_upload=kind == "u")
        is_accepted = self.scheduler.add(place)
        if is_accepted:
            self.waiting.append(place)
            self._start()
        return is_accepted

    def _start(self) -> None:
        while (place := self.scheduler.start_next()) is not None:
            self.waiting.remove(place)
            self.running.append(place)
            self.started.append(place)


def written(place: Place) -> str:
    return f"{'u' if place.is_upload else 's'}:{place.owner}"


@pytest.mark.parametrize(
    ("workers", "jobs", "running"),
    [
        pytest.param(2, "u:ann u:ann u:ann", "u:ann u:ann", id="one token uses the usual number of workers"),
        pytest.param(2, "s: s: s:", "s: s:", id="sizes use the usual number of workers"),
        pytest.param(2, "s: s: u:ann", "s: s: u:ann", id="upload finds a worker beside sizes"),
        pytest.param(2, "s: s: u:ann u:ann", "s: s: u:ann", id="second upload of a token waits for a size"),
        pytest.param(2, "u:ann u:ann u:ben", "u:ann u:ann u:ben", id="upload finds a worker beside another token's"),
        pytest.param(2, "s: s: u:ann u:ben", "s: s: u:ann u:ben", id="two tokens beside sizes"),
        pytest.param(2, "s: s: u:ann u:ben u:cleo", "s: s: u:ann u:ben", id="third token waits"),
        pytest.param(2, "u:ann u:ben s:", "u:ann u:ben", id="size waits for uploads"),
        pytest.param(2, "u:ann s: s:", "u:ann s:", id="size and upload"),
        pytest.param(1, "s: u:ann", "s: u:ann", id="one worker, upload beside a size"),
        pytest.param(1, "u:ann u:ann u:ben", "u:ann u:ben", id="one worker, two tokens"),
        pytest.param(1, "s:x s:y", "s:x", id="one worker, sizes of two readers"),
    ],
)
def test_jobs_that_start_at_once(workers: int, jobs: str, running: str) -> None:
    desk = Desk(workers)
    assert all(desk.add(*jobs.split()))
    assert list(map(written, desk.started)) == running.split()


@pytest.mark.parametrize(
    ("workers", "jobs", "ended", "started"),
    [
        pytest.param(2, "s: s: s: u:ann u:ann", "s: s:", "u:ann", id="upload before a size that came earlier"),
        pytest.param(1, "u:ann s: u:ann", "u:ann", "u:ann", id="upload before a size, one worker"),
        pytest.param(1, "s: s: u:ann", "s:", "", id="size waits while an upload runs, one worker"),
        pytest.param(1, "s: s: u:ann", "s: u:ann", "s:", id="size after the upload, one worker"),
        pytest.param(1, "u:ann u:ann u:ann u:ben u:ben", "u:ann u:ben", "u:ann u:ben", id="each owner has a worker"),
        pytest.param(
            1, "u:ann u:ben u:cleo u:dan u:dan u:eve", "u:ann u:ben u:dan", "u:dan u:eve u:dan", id="owners take turns"
        ),
        pytest.param(2, "u:ann u:ann u:ann u:ben u:ben", "u:ann u:ben", "u:ben", id="owner with fewer running jobs"),
        pytest.param(1, "s:x s:x s:x s:y", "s:x s:x", "s:x s:y", id="readers take turns"),
        pytest.param(2, "u:ann u:ann u:ben u:cleo u:dan", "u:cleo", "u:dan", id="fifth job after a quick one"),
    ],
)
def test_jobs_that_start_when_others_end(workers: int, jobs: str, ended: str, started: str) -> None:
    desk = Desk(workers)
    desk.add(*jobs.split())
    desk.started.clear()
    desk.end(*ended.split())
    assert list(map(written, desk.started)) == started.split()


@pytest.mark.parametrize(
    ("jobs", "further", "is_accepted"),
    [
        pytest.param(2 * ["u:ann"] + MAX_UPLOADS * ["u:ann"], "u:ann", False, id="too many uploads"),
        pytest.param(2 * ["u:ann"] + MAX_UPLOADS * ["u:ann"], "u:ben", True, id="another token's upload, which runs"),
        pytest.param(
            ["s:", "s:", "u:ben", "u:cleo"] + MAX_UPLOADS * ["u:ann"], "u:dan", True, id="another token's first to wait"
        ),
        pytest.param(
            ["s:", "s:", "u:ben", "u:cleo"] + MAX_UPLOADS * ["u:ann"], "u:ben", True, id="its first to wait, one runs"
        ),
        pytest.param(
            ["s:", "s:", "u:ben", "u:cleo"] + MAX_UPLOADS * ["u:ann"] + ["u:ben"], "u:ben", False, id="its second"
        ),
        pytest.param(
            ["s:", "s:", "u:x", "u:y"] + MAX_UPLOADS * ["u:ann"] + [f"u:{n}" for n in range(MAX_UPLOADS)],
            "u:dan",
            False,
            id="too many tokens",
        ),
        pytest.param((2 + MAX_SIZES) * ["s:"], "s:", False, id="too many sizes"),
        pytest.param((2 + MAX_SIZES) * ["s:"], "u:ann", True, id="upload beside too many sizes"),
        pytest.param((2 + MAX_UPLOADS) * ["u:ann"], "s:", True, id="size beside too many uploads"),
    ],
)
def test_number_of_jobs_that_may_wait(jobs: list[str], further: str, *, is_accepted: bool) -> None:
    desk = Desk(2)
    assert all(desk.add(*jobs))
    assert desk.add(further) == [is_accepted]


def test_job_that_was_withdrawn_makes_room_for_another() -> None:
    desk = Desk(2)
    desk.add(*(2 + MAX_SIZES) * ["s:"])
    desk.scheduler.withdraw(desk.waiting.pop())
    assert desk.add("s:", "s:") == [True, False]


def test_no_job_waits_when_none_may_wait_but_jobs_run() -> None:
    scheduler = Scheduler(1, max_uploads=0, max_sizes=0)
    place = Place("", is_upload=False)
    assert scheduler.add(place)
    assert scheduler.start_next() is place
    assert not scheduler.add(Place("", is_upload=False))


@given(st.lists(st.sampled_from(["u:ann", "s:"]), max_size=30), st.integers(1, 4))
def test_slow_jobs_of_one_token_and_of_readers_delay_no_other_token(jobs: list[str], workers: int) -> None:
    desk = Desk(workers)
    desk.add(*jobs)
    desk.add("u:ben")
    assert written(desk.started[-1]) == "u:ben"


class Days(RuleBasedStateMachine):
    """Any sequence of jobs that come, end and are withdrawn."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk(2)

    @rule(kind=st.sampled_from("us"), owner=st.sampled_from(["ann", "ben", "cleo", "dan"]))
    def add(self, kind: str, owner: str) -> None:
        self.desk.add(f"{kind}:{owner}")

    @precondition(lambda self: self.desk.running)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        self.desk.end(written(data.draw(st.sampled_from(self.desk.running))))

    @precondition(lambda self: self.desk.waiting)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        place = data.draw(st.sampled_from(self.desk.waiting))
        self.desk.waiting.remove(place)
        self.desk.scheduler.withdraw(place)

    @rule()
    def end_all(self) -> None:
        """No job waits forever: if no others come, all get their turn."""
        while self.desk.running:
            self.desk.end(written(self.desk.running[0]))
        assert not self.desk.waiting

    @invariant()
    def workers_are_bounded(self) -> None:
        running, workers = self.desk.running, self.desk.workers
        assert len(running) <= workers + EXTRA_WORKERS == self.desk.scheduler.max_workers
        assert sum(not place.is_upload for place in running) <= workers
        for owner in {place.owner for place in running}:
            assert sum(place.is_upload and place.owner == owner for place in running) <= workers

    @invariant()
    def size_does_not_wait_for_nothing(self) -> None:
        if self.desk.waiting:
            assert len(self.desk.running) >= self.desk.workers

    @invariant()
    def owners_without_running_uploads_use_all_workers(self) -> None:
        busy = {place.owner for place in self.desk.running if place.is_upload}
        if any(place.is_upload and place.owner not in busy for place in self.desk.waiting):
            assert len(self.desk.running) == self.desk.scheduler.max_workers


TestDays = Days.TestCase


@given(st.lists(st.sampled_from(["u:ann", "u:ben", "s:ann", "s:ben"]), max_size=MAX_SIZES))
def test_jobs_of_one_owner_start_in_the_order_in_which_they_came(jobs: list[str]) -> None:
    desk = Desk(1)
    desk.add("u:ann", "u:ben", "s:", "s:", *jobs)
    waiting = list(desk.waiting)
    while desk.running:
        desk.end(written(desk.running[0]))
    for job in set(jobs):
        came = [place for place in waiting if written(place) == job]
        assert [place for place in desk.started if place in came] == came
