import os
import signal

import pytest

from authsvc.errors import Busy, Internal, TimedOut, Unavailable
from tests.support.experiments import size
from tests.support.faults.catalogfile import locked_for_readers, locked_for_writers, unreadable
from tests.support.faults.service import is_ready, service_pid
from tests.support.faults.trial import READS, Trial
from tests.support.faults.underload import Load, now
from tests.support.stack import wait_until

LOCKED_SECONDS = size(0, 60)
REFUSED = size(1, 10)
"""Each waits for ten seconds first."""
STARTS_THAT_FAIL = 2
"""The number of failing starts; the fifth would end everything."""


@pytest.mark.timeout(600)
def test_catalog_locked_for_writers_fails_no_read_and_loses_no_upload(trial: Trial) -> None:
    def fault(load: Load) -> None:
        with locked_for_writers(trial.stack):
            until = now() + LOCKED_SECONDS
            load.go_on({"known": READS, "newcomer": 2, "upload 503 busy": REFUSED})
            wait_until(lambda: now() > until, "it was locked long enough", seconds=LOCKED_SECONDS + 1)

    trial.undergo("catalog locked for writers", fault, refusals=(Busy,))


@pytest.mark.timeout(600)
def test_catalog_locked_for_readers_fails_no_read_and_loses_no_upload(trial: Trial) -> None:
    def fault(load: Load) -> None:
        with locked_for_readers(trial.stack):
            until = now() + LOCKED_SECONDS
            load.go_on({"known": READS, "newcomer": 2, "upload 503 busy": REFUSED})
            wait_until(lambda: now() > until, "it was locked long enough", seconds=LOCKED_SECONDS + 1)

    trial.undergo("catalog locked for readers", fault, refusals=(Busy,))


@pytest.mark.timeout(600)
def test_catalog_unreadable_at_a_restart_fails_no_read_and_loses_no_upload(trial: Trial) -> None:
    stack = trial.stack

    def fault(load: Load) -> None:
        before = stack.pid("service")
        with unreadable(stack):
            load.go_on({"known": READS, "newcomer": 2})
            trial.note_moment()
            os.kill(before, signal.SIGKILL)
            wait_until(
                lambda: stack.output.count("the service ended with status 1") >= STARTS_THAT_FAIL,
                "it cannot start",
                seconds=30,
            )
        wait_until(lambda: service_pid(stack) not in {None, before}, "another service is started")
        wait_until(lambda: is_ready(stack), "it answers")

    trial.undergo("catalog unreadable", fault, refusals=(Busy, Internal, TimedOut, Unavailable))
