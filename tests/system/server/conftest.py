"""Servers to test on: without authsvc, and with it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server.checkout import put_checkout
from tests.support.server.disk import Layers
from tests.support.server.installed import built, installed_layers
from tests.support.server.kept import put_release
from tests.support.server.machine import Machine, booted


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the first test time to wait for its Debian to be built."""
    for item in items:
        if Path(__file__).parent in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def installed() -> Iterator[Layers]:
    """The disk of a server with authsvc; see installed_layers."""
    with installed_layers() as layers:
        yield layers


@pytest.fixture
def server(installed: Layers) -> Iterator[Machine]:
    """A running server with authsvc, for one test."""
    with booted(installed) as machine:
        yield machine


@pytest.fixture
def fresh() -> Iterator[Machine]:
    """A running server without authsvc, for one test; the checkout is in /root/authsvc."""
    with Machine() as machine:
        put_checkout(machine)
        machine.boot()
        yield machine


@pytest.fixture
def fresh_with_release(installed: Layers, fresh: Machine) -> Machine:
    """Like `fresh`, with the release already built, for tests that have another subject than building it."""
    put_release(fresh, built(installed))
    return fresh
