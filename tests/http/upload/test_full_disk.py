import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.contract.small_disk import small_disk
from tests.support.pictures import noise
from tests.support.stack import Stack
from tests.support.upload.catalog import digests
from tests.support.upload.watch import blobs, wait_until_clean
from tests.support.upload.wire import (
    FORM_TYPE,
    Answer,
    assert_refused,
    chunked,
    exchange,
    form,
    head,
    part,
    upload_head,
)

MIB = 2**20


@pytest.fixture(scope="module")
def small() -> Iterator[Stack]:
    """A stack with 32 MiB of disk."""
    folder = Path(tempfile.mkdtemp(prefix="asv-", dir="/tmp"))
    try:
        with (
            small_disk(folder / "d", "size=32m,mode=755") as disk,
            Stack(data_dir=disk, upload_rate=1000, upload_burst=1000) as running,
        ):
            assert running.token  # made while there is room
            yield running
    finally:
        shutil.rmtree(folder)


@contextmanager
def room_left(stack: Stack, size: int) -> Iterator[None]:
    """Fill the disk until `size` bytes are free."""
    ballast = stack.data_dir / "ballast"

    def to_fill() -> int:
        status = os.statvfs(stack.data_dir)
        return status.f_bavail * status.f_bsize - size

    with ballast.open("wb", buffering=0) as file:
        while (count := to_fill()) > 0:
            file.write(bytes(min(count, MIB)))
    try:
        yield
    finally:
        ballast.unlink()


def upload(stack: Stack, content: bytes, *, coding: str = "with its length") -> Answer:
    body = form(part(content))
    if coding == "in chunks":
        lines = (f"Content-Type: {FORM_TYPE}", "Transfer-Encoding: chunked")
        return exchange(stack, head(stack, *lines), chunked([body[at : at + 4096] for at in range(0, len(body), 4096)]))
    return exchange(stack, upload_head(stack, len(body)), body)


@pytest.mark.parametrize("coding", ["with its length", "in chunks"])
@pytest.mark.parametrize(
    ("size", "room"),
    [
        pytest.param(400, 0, id="a small picture and no room at all"),
        pytest.param(10_000, 4096, id="no room for the picture"),
        pytest.param(400, 4096, id="no room for its row"),
        pytest.param(400, 20_480, id="no room for all of its row"),
        pytest.param(400_000, 0, id="no room for what nginx gathers"),
        pytest.param(5 * MIB, MIB, id="no room for all that nginx gathers"),
        pytest.param(5 * MIB, 6 * MIB, id="room for what nginx gathers, not for the picture"),
    ],
)
def test_upload_without_room_is_refused_as_full_and_leaves_no_file(
    small: Stack, size: int, room: int, coding: str
) -> None:
    before, known = blobs(small), digests(small)
    content = noise(size)
    with room_left(small, room):
        answer = upload(small, content, coding=coding)
        wait_until_clean(small)
        assert_refused(answer, 507, "full")
        assert blobs(small) == before
        assert digests(small) == known
    answer = upload(small, content, coding=coding)
    assert answer.status == 200
    path = answer.json["data"]["path"]
    assert small.get(path).content == content
    small.cli("image", "rm", path)


def test_pictures_are_read_and_tokens_checked_while_the_disk_is_full(small: Stack) -> None:
    content = noise(400)
    path = upload(small, content).json["data"]["path"]
    with room_left(small, 0):
        assert small.get(path).content == content
        body = form(part(content))
        assert_refused(exchange(small, upload_head(small, len(body), token="asv_wrong"), body), 401, "bad_token")
