"""The limit of uploads uses the address of the connection, not one from a header."""

import time
from collections.abc import Iterator

import pytest

from tests.support.blackbox.matrix import UPLOAD
from tests.support.nginx.wire import Wire
from tests.support.stack import Stack

NAMES = ("X-Forwarded-For", "X-Real-IP", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP", "Client-IP")


@pytest.fixture(scope="module")
def slow() -> Iterator[Stack]:
    """A product that accepts two uploads from one address, then one a second."""
    with Stack(upload_rate=1, upload_burst=1) as running:
        yield running


def test_another_address_in_a_header_gets_no_further_upload(slow: Stack) -> None:
    statuses = []
    begun = time.monotonic()
    with Wire(slow.port) as wire:
        for number in range(24):
            address = f"192.0.2.{number}"
            named = dict.fromkeys(NAMES, address) | {"Forwarded": f"for={address}"}
            named |= {"token": "asv_wrong", "Content-Length": "0"}
            statuses.append(wire.ask(UPLOAD, named, method="POST").status)
    seconds = time.monotonic() - begun
    assert set(statuses) == {401, 429}
    # Two at once, and one more for every second that this took.
    assert statuses.count(401) <= 2 + seconds
