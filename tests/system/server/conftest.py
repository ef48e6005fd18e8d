"""Servers to test on: without authsvc, and with it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server.checkout import put_checkout
from tests.support.server.machine import Machine, booted
from tests.support.server.root import Layers
from tests.support.server.visits import UNITS, install, prepare

DOMAIN = "DOMAIN=img.example.com pics.example.org"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the first test time to wait for its Debian to be built."""
    for item in items:
        if Path(__file__).parent in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def installed() -> Iterator[Layers]:
    """A disk with authsvc, a token in /root/token, and blog.example.com as a site.

    What the installation said is in /root/install.log, and how the units were
    right after it in /root/units.log.
    """
    with Machine() as machine:
        put_checkout(machine)
        machine.boot()
        machine.path("/root/install.log").write_text(install(machine, DOMAIN), "utf-8")
        machine.shell(f"systemctl is-active {' '.join(UNITS)} >/root/units.log")
        prepare(machine)
        yield machine.snapshot()


@pytest.fixture
def server(installed: Layers) -> Iterator[Machine]:
    """A running server with authsvc, of the test's own."""
    with booted(installed) as machine:
        yield machine


@pytest.fixture
def fresh() -> Iterator[Machine]:
    """A running server without authsvc, of the test's own; the checkout is in /root/authsvc."""
    with Machine() as machine:
        put_checkout(machine)
        machine.boot()
        yield machine
