"""What reading through nginx needs: a client, and pictures at known addresses."""

from collections.abc import Iterator

import pytest

from tests.support.nginx.wire import Wire
from tests.support.pictures import picture
from tests.support.stack import Stack


@pytest.fixture
def wire(stack: Stack) -> Iterator[Wire]:
    """A keep-alive connection to the shared stack."""
    with Wire(stack.port) as connection:
        yield connection


@pytest.fixture(scope="session")
def content() -> bytes:
    """The bytes of the picture at `path`."""
    return picture("PNG", (64, 48), seed=7)


@pytest.fixture(scope="session")
def path(stack: Stack, content: bytes) -> str:
    """The canonical address of a picture in the shared stack."""
    return stack.upload(content)


@pytest.fixture(scope="session")
def site_stack() -> Iterator[Stack]:
    """A second stack, for tests that change sites; each has host names of its own."""
    with Stack() as running:
        yield running
