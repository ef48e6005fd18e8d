"""Fixtures that most tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack import Stack

SERVER_TESTS = Path(__file__).parent / "server"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests share what is costly to make, and so belong in one process: pytest-xdist's loadgroup."""
    for item in items:
        is_server = SERVER_TESTS in item.path.parents
        item.add_marker(pytest.mark.xdist_group("server" if is_server else str(item.path)))


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The running product. Shared: add pictures, tokens and sites of your own,
    and leave those of others and the processes alone."""
    with Stack(upload_rate=1000, upload_burst=1000) as running:
        yield running
