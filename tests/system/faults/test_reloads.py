import pytest

from tests.support.experiments import size
from tests.support.faults.nginx import add_site, remove_site
from tests.support.faults.trial import READS, Trial
from tests.support.faults.underload import Load

PAIRS = size(2, 10)


@pytest.mark.timeout(600)
def test_reloads_with_changing_sites_fail_no_read_and_no_upload(trial: Trial) -> None:
    path = next(iter(trial.pictures))

    def fault(load: Load) -> None:
        for number in range(PAIRS):
            host = f"changing{number}.example"
            for change in (add_site, remove_site):
                trial.note_moment(change(trial.stack, path, host))
                load.go_on({"known": READS // PAIRS // 2 + 1, "upload 200": 2, "newcomer": 1})

    trial.undergo("nginx reloaded", fault)
