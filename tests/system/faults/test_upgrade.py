import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.experiments import size
from tests.support.faults.nginx import family
from tests.support.faults.release import lay_release, release_of, run_from
from tests.support.faults.trial import READS, Trial, fault_stack, prepared
from tests.support.faults.underload import Load

UPGRADES = size(1, 4)


@pytest.fixture
def upgraded(tmp_path: Path) -> Iterator[tuple[Trial, Path]]:
    """A stack whose files can be replaced, and where these are."""
    place = tmp_path / "release"
    lay_release(place, "the first")
    stack = fault_stack()
    run_from(place, stack)
    with stack:
        yield prepared(stack, tmp_path), place


@pytest.mark.timeout(600)
def test_newer_release_takes_over_and_fails_no_read_and_no_upload(upgraded: tuple[Trial, Path]) -> None:
    trial, place = upgraded
    stack = trial.stack

    def fault(load: Load) -> None:
        nginx = family(stack)
        for number in range(UPGRADES):
            before, name = release_of(stack), f"number {number}"
            lay_release(place, name)
            # The older one goes on for a while, with the files of the newer around it.
            load.go_on({"known": READS // UPGRADES // 2, "upload 200": 3, "newcomer": 1})
            assert release_of(stack) == before != name
            trial.ending.end(signal.SIGTERM)
            assert release_of(stack) == name
            load.go_on({"known": READS // UPGRADES // 2 + 1, "upload 200": 3, "newcomer": 1})
        assert family(stack) == nginx

    trial.undergo("upgraded under `authsvc up`", fault)
