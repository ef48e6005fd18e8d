"""Fixtures that most tests share."""

from collections.abc import Iterator

import pytest

from tests.stack import Stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The running product. Shared: add pictures, tokens and sites of your own,
    and leave those of others and the processes alone."""
    with Stack(upload_rate=1000, upload_burst=1000) as running:
        yield running
