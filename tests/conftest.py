"""Fixtures that most tests share."""

from collections.abc import Iterator

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.support.stack import Stack

SERVER_TESTS = "tests/system/server/"


class Scheduling(LoadScopeScheduling):
    """Gives a process the whole of what shares something costly to make: a file's tests, and all server tests.

    Not pytest-xdist's loadgroup: version 3.8 marks a test's group in a field
    that pytest 9.2 does not read any more, and every test goes anywhere.
    """

    def _split_scope(self, nodeid: str) -> str:
        return SERVER_TESTS if nodeid.startswith(SERVER_TESTS) else nodeid.partition("::")[0]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes one process the longest, so that the other has enough to do meanwhile."""
    items.sort(key=lambda item: not item.nodeid.startswith(SERVER_TESTS))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    """Let pytest-xdist give out the tests in this way."""
    return Scheduling(config, log)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The running product. Shared: add pictures, tokens and sites of your own,
    and leave those of others and the processes alone."""
    with Stack(upload_rate=1000, upload_burst=1000) as running:
        yield running
