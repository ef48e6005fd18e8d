"""A stack for the faults of one file, and the sum of all."""

from collections.abc import Iterator

import pytest

from tests.campaign import FULL, report
from tests.faults.trial import TALLY, Trial, fault_stack, prepared

EXPERIMENTS = 12
READS_OF_ALL = 50_000


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """A running stack with sites and pictures. Each fault is taken back at its end."""
    with fault_stack() as stack:
        yield prepared(stack, tmp_path_factory.mktemp("trial"))


@pytest.fixture(scope="session", autouse=True)
def _all_together() -> Iterator[None]:
    """Sum up a campaign, if it had all of the experiments: what it promises, it promises of all together."""
    yield
    if FULL and len(TALLY) == EXPERIMENTS:
        keys = ("reads", "failed", "asked_again", "uploads", "in_flight", "refused", "lost", "strangers")
        figures = {key: sum(figures[key] for figures in TALLY.values()) for key in keys}
        report("faults: all together", experiments=len(TALLY), **figures)
        assert figures["reads"] >= READS_OF_ALL
