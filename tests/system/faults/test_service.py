import signal

import pytest

from authsvc.errors import TimedOut, Unavailable
from tests.support.experiments import size
from tests.support.faults.service import stopped
from tests.support.faults.trial import READS, Trial
from tests.support.faults.underload import Load, now
from tests.support.stack import wait_until

LONG = 600
KILLS = size(2, 8)
RESTARTS = size(2, 20)
FROZEN_SECONDS = size(3, 60)


@pytest.mark.waits_for("death_window")
@pytest.mark.timeout(LONG)
def test_service_killed_again_and_again_fails_no_read_and_loses_no_upload(trial: Trial) -> None:
    def fault(load: Load) -> None:
        for _ in range(KILLS):
            trial.ending.end(signal.SIGKILL)
            load.go_on({"known": READS // KILLS + 1, "upload 200": 3, "newcomer": 1})

    trial.undergo("service killed", fault)


@pytest.mark.timeout(LONG)
def test_restarts_fail_no_read_and_no_upload(trial: Trial) -> None:
    def fault(load: Load) -> None:
        for _ in range(RESTARTS):
            trial.ending.end(signal.SIGTERM)
            load.go_on({"known": READS // RESTARTS + 1, "upload 200": 3, "newcomer": 1})

    trial.undergo("service restarted", fault)


@pytest.mark.timeout(LONG)
def test_frozen_service_fails_no_read_and_loses_no_upload(trial: Trial) -> None:
    def fault(load: Load) -> None:
        with stopped(trial.stack.pid("service")):
            until = now() + FROZEN_SECONDS
            load.go_on({"known": READS, "newcomer": 2})
            wait_until(lambda: now() > until, "it was frozen long enough", seconds=FROZEN_SECONDS + 1)

    trial.undergo("service frozen", fault, refusals=(TimedOut, Unavailable))
