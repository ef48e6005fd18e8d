"""Stacks that the upload tests need in addition to the shared one."""

from collections.abc import Iterator

import pytest

from tests.support.stack import Stack
from tests.support.times import shortened

PUBLIC_URL = "https://img.example.com"


@pytest.fixture(scope="session")
def narrow() -> Iterator[Stack]:
    """A stack with a public address that accepts one upload at a time."""
    with Stack(
        times=shortened("refused_body"),
        public_url=PUBLIC_URL,
        max_concurrent_uploads=1,
        upload_rate=1000,
        upload_burst=1000,
        nginx_workers=1,
    ) as running:
        assert running.token  # made before a test locks the catalog
        yield running
