"""Fixtures that most tests share, and the order of the tests."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer

from tests.support.promises import mark_promised
from tests.support.schedule import Recorder, Scheduling, longest_first, mark_needs
from tests.support.stack import Stack
from tests.support.times import PATIENT

# How long an example takes depends on what else the machine does.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option of `make durations`."""
    parser.addoption("--record-durations", action="store_true", help="write tests/durations.json")


def pytest_configure(config: pytest.Config) -> None:
    """Record durations in the process that sees the reports of all workers."""
    if config.option.record_durations and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder())


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what `make test-fast` leaves out, and what a campaign runs."""
    mark_needs(item)
    mark_promised(item)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files, so that no worker has a long one left at the end."""
    longest_first(items)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    """Let pytest-xdist distribute the tests this way."""
    return Scheduling(config, log)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The running product. Shared: add pictures, tokens and sites of your own,
    and leave those of others and the processes alone."""
    with Stack(times=PATIENT, upload_rate=1000, upload_burst=1000, size_rate=1000, size_burst=10_000) as running:
        yield running
