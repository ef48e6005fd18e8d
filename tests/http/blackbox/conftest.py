"""The product with a list of sites of its own, a picture in it, and tokens."""

from collections.abc import Iterator

import pytest

from tests.support.blackbox.matrix import SITES, Scene
from tests.support.nginx.site_list import change_sites, map_of, wait_for_status
from tests.support.nginx.wire import Wire
from tests.support.pictures import picture
from tests.support.stack import Stack, wait_until
from tests.support.times import PATIENT


@pytest.fixture(scope="session")
def guarded() -> Iterator[Stack]:
    """A running product whose list has `SITES` and the local names; tests do not change it."""
    with Stack(times=PATIENT, upload_rate=1000, upload_burst=1000, extra_hosts="img.example.net") as running:
        change_sites(running, add=SITES)
        wait_until(lambda: all(f"{site} 1;" in map_of(running) for site in SITES), "nginx's map has the sites")
        wait_for_status(running, running.upload(picture()), "blog.example.com", 200)
        yield running


@pytest.fixture(scope="session")
def scene(guarded: Stack) -> Scene:
    """One picture, and everything that a row's placeholders stand for."""
    return Scene.of(guarded)


@pytest.fixture
def wire(guarded: Stack) -> Iterator[Wire]:
    """A keep-alive connection to it."""
    with Wire(guarded.port) as connection:
        yield connection
