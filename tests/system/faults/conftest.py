"""A stack for the faults of one file, and the sum of all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.experiments import FULL, report
from tests.support.faults.trial import SUMMED, TALLY, Trial, fault_stack, prepared
from tests.support.times import shortened

HERE = Path(__file__).parent
READS_OF_ALL = 50_000


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """A running stack with sites and pictures. Each fault is taken back at its end."""
    with fault_stack(times=shortened("death_window")) as stack:
        yield prepared(stack, tmp_path_factory.mktemp("trial"))


@pytest.fixture(scope="session", autouse=True)
def _all_together(request: pytest.FixtureRequest) -> Iterator[None]:
    """Sum up a campaign of this whole folder: what it promises, it promises of all experiments together."""
    yield
    expected = [item for item in request.session.items if item.path.parent == HERE]
    is_whole = {item.path for item in expected} == set(HERE.glob("test_*.py")) and not request.config.option.keyword
    if FULL and is_whole:
        total = {key: sum(figures.get(key, 0) for figures in TALLY.values()) for key in SUMMED}
        report("faults: all together", experiments=len(TALLY), **total)
        assert len(TALLY) == len(expected), f"only {sorted(TALLY)}"
        assert total["reads"] >= READS_OF_ALL
