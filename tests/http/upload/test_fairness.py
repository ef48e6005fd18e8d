"""Uploads find a worker beside sizes and beside the pictures of other tokens.

A worker that is stopped stands for one that is busy with a slow picture for as long as the test needs.
"""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from authsvc.model import WIDTHS
from tests.support.experiments import promised, size
from tests.support.pictures import picture
from tests.support.sizes.reading import PLAIN, WEBP, ask, photograph, shown
from tests.support.stack import Stack, wait_until
from tests.support.times import PATIENT
from tests.support.up.processes import children

DECODE_SECONDS = 300
"""No stopped worker is killed during a test."""


@pytest.fixture
def stack() -> Iterator[Stack]:
    """A stack with the fewest workers."""
    with Stack(times=PATIENT, decode_workers=1, decode_timeout=DECODE_SECONDS) as running:
        yield running


def other_token(stack: Stack) -> str:
    return stack.cli("token", "add", "other").strip()


def jobs_at_workers(stack: Stack) -> int:
    """Return how many jobs are at a worker now: the service has a file in memory open for each result."""
    descriptors = Path(f"/proc/{stack.pid('service')}/fd").iterdir()
    return sum("/memfd:" in str(each.readlink()) for each in descriptors if each.is_symlink())


@contextmanager
def stopped_workers(stack: Stack) -> Iterator[None]:
    """Stop all workers that there are now, and let them continue at the end."""
    workers = children(stack.pid("service"))
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    try:
        yield
    finally:
        for worker in workers:
            os.kill(worker, signal.SIGCONT)


def test_upload_is_stored_while_readers_wait_for_sizes(stack: Stack) -> None:
    photo = stack.upload(photograph())
    with ThreadPoolExecutor(len(WIDTHS)) as readers, stopped_workers(stack):
        sizes = [readers.submit(shown, stack, f"{photo}?w={width}", WEBP) for width in WIDTHS]
        wait_until(lambda: jobs_at_workers(stack) == 1, "a size is being made")
        stack.upload(picture())
        assert not any(size.done() for size in sizes)
    assert all(size.result().is_kept for size in sizes)


def test_upload_is_stored_while_another_tokens_picture_is_decoded(stack: Stack) -> None:
    other = other_token(stack)
    stack.upload(picture())
    with ThreadPoolExecutor(3) as clients, stopped_workers(stack):
        slow = [clients.submit(stack.post, picture()) for _ in range(3)]
        wait_until(lambda: jobs_at_workers(stack) == 1, "one is being decoded")
        assert stack.post(picture(), token=other).status_code == 200
        assert not any(upload.done() for upload in slow)
    assert [upload.result().status_code for upload in slow] == [200] * 3


def test_upload_is_stored_beside_sizes_and_another_tokens_picture(stack: Stack) -> None:
    other = other_token(stack)
    photo = stack.upload(photograph())
    with ThreadPoolExecutor(2) as clients, stopped_workers(stack):
        size_request = clients.submit(ask, stack, f"{photo}?w=320", WEBP)
        wait_until(lambda: jobs_at_workers(stack) == 1, "a size is being made")
        stack.upload(picture())  # starts a second worker
        with stopped_workers(stack):
            slow = clients.submit(stack.post, picture())
            wait_until(lambda: jobs_at_workers(stack) == 2, "a picture is being decoded, too")
            assert stack.post(picture(), token=other).status_code == 200
            assert not slow.done()
            assert not size_request.done()
    assert slow.result().status_code == 200
    assert size_request.result().headers["content-type"] == "image/webp"


def test_flood_of_sizes_delays_an_upload_by_at_most_a_second() -> None:
    with Stack(times=PATIENT, size_rate=1000, size_burst=10_000) as stack:
        photos = [stack.upload(photograph(size=(3000, 2000))) for _ in range(size(2, 16))]
        sizes = [(f"{photo}?w={width}", accept) for photo in photos for width in WIDTHS for accept in (WEBP, PLAIN)]
        with ThreadPoolExecutor(32) as readers:
            reading = [readers.submit(ask, stack, *each) for each in sizes]
            wait_until(lambda: any(each.done() for each in reading), "the flood has begun")
            begun = time.monotonic()
            stack.upload(picture())
            assert time.monotonic() - begun < promised(1)
        assert {each.result().status_code for each in reading} == {200}
