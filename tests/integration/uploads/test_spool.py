import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from authsvc.errors import DiskFull, Empty, TooLarge
from authsvc.model import Digests, Spooled
from authsvc.uploads.spool import BLOCK_BYTES, Spool, clear_spool
from tests.support.contract.small_disk import fill, small_disk, use_up_names
from tests.support.contract.values import digests_of

LIMIT = 3 * BLOCK_BYTES


def _spooled(folder: Path, pieces: list[bytes]) -> tuple[Spooled, bytes]:
    """Write the pieces; return the spooled file and its bytes."""

    async def write() -> tuple[Spooled, bytes]:
        async with Spool(folder, max_bytes=LIMIT) as spool:
            for piece in pieces:
                await spool.write(piece)
            finished = spool.complete()
            return finished, finished.path.read_bytes()

    return asyncio.run(write())


@pytest.mark.parametrize(
    "sizes",
    [
        [1],
        [BLOCK_BYTES - 1],
        [BLOCK_BYTES],
        [BLOCK_BYTES + 1],
        [BLOCK_BYTES, BLOCK_BYTES],
        [0, 5, 0, 7],
        [1000] * 700,
        [LIMIT],
    ],
    ids=[
        "one byte",
        "a byte less than a block",
        "one block",
        "a byte more than a block",
        "two blocks",
        "empty pieces in between",
        "many small pieces",
        "as much as allowed",
    ],
)
def test_file_has_the_bytes_and_their_size_and_digests(tmp_path: Path, sizes: list[int]) -> None:
    pieces = [os.urandom(size) for size in sizes]
    content = b"".join(pieces)
    finished, written = _spooled(tmp_path, pieces)
    assert written == content
    assert finished == Spooled(finished.path, len(content), digests_of(content))
    assert finished.path.parent == tmp_path


@pytest.mark.parametrize("size", [1, BLOCK_BYTES, BLOCK_BYTES + 1], ids=["small", "one block", "a byte more"])
def test_hash_rest_does_not_change_the_file(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)

    async def write() -> None:
        async with Spool(tmp_path, max_bytes=LIMIT) as spool:
            await spool.write(content)
            spool.hash_rest()
            assert _written_below(tmp_path) == (size if size >= BLOCK_BYTES else 0)
            for _ in range(2):
                finished = spool.complete()
                assert finished == Spooled(finished.path, size, digests_of(content))
                assert finished.path.read_bytes() == content

    asyncio.run(write())


def test_hash_rest_refuses_an_empty_upload(tmp_path: Path) -> None:
    async def write() -> None:
        async with Spool(tmp_path, max_bytes=LIMIT) as spool:
            with pytest.raises(Empty):
                spool.hash_rest()

    asyncio.run(write())


def test_file_is_deleted_at_the_end_of_the_context(tmp_path: Path) -> None:
    _spooled(tmp_path, [b"some bytes"])
    assert list(tmp_path.iterdir()) == []


def test_link_to_the_file_keeps_its_bytes(tmp_path: Path) -> None:
    blob = tmp_path / "blob"

    async def keep() -> None:
        async with Spool(tmp_path, max_bytes=LIMIT) as spool:
            await spool.write(b"some bytes")
            blob.hardlink_to(spool.complete().path)

    asyncio.run(keep())
    assert blob.read_bytes() == b"some bytes"
    assert list(tmp_path.iterdir()) == [blob]


@pytest.mark.parametrize("pieces", [[], [b""]], ids=["no piece", "an empty piece"])
def test_empty_upload_is_refused_and_leaves_nothing(tmp_path: Path, pieces: list[bytes]) -> None:
    with pytest.raises(Empty):
        _spooled(tmp_path, pieces)
    assert list(tmp_path.iterdir()) == []


def _written_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def test_byte_over_the_limit_is_refused_at_once_and_not_written(tmp_path: Path) -> None:
    async def write() -> tuple[int, int]:
        async with Spool(tmp_path, max_bytes=LIMIT) as spool:
            await spool.write(bytes(LIMIT))
            before = _written_below(tmp_path)
            with pytest.raises(TooLarge, match=str(LIMIT)):
                await spool.write(b"x")
            return before, _written_below(tmp_path)

    before, after = asyncio.run(write())
    assert before == after == LIMIT
    assert list(tmp_path.iterdir()) == []


def test_huge_piece_is_refused_before_a_byte_of_it_is_written(tmp_path: Path) -> None:
    async def write() -> int:
        async with Spool(tmp_path, max_bytes=10) as spool:
            with pytest.raises(TooLarge):
                await spool.write(bytes(10 * BLOCK_BYTES))
            return _written_below(tmp_path)

    assert asyncio.run(write()) == 0


async def _fail(_: asyncio.Event) -> None:
    raise InterruptedError


async def _hang(started: asyncio.Event) -> None:
    started.set()
    await asyncio.Event().wait()


def _leave_by(tmp_path: Path, act: Callable[[asyncio.Event], Awaitable[None]], cancellations: int) -> None:
    async def leave() -> None:
        started = asyncio.Event()

        async def upload() -> None:
            async with Spool(tmp_path, max_bytes=LIMIT) as spool:
                await spool.write(bytes(BLOCK_BYTES))
                await act(started)

        task = asyncio.create_task(upload())
        if cancellations:
            await started.wait()
        for _ in range(cancellations):
            task.cancel()
            # One turn of the loop: the task is in its clean-up when the next one comes.
            await asyncio.sleep(0)
        await task

    with pytest.raises((InterruptedError, asyncio.CancelledError)):
        asyncio.run(leave())


@pytest.mark.parametrize(
    ("act", "cancellations"),
    [(_fail, 0), (_hang, 1), (_hang, 2)],
    ids=["by an exception", "by a cancellation", "by a cancellation during the clean-up"],
)
def test_file_is_deleted_however_the_context_ends(
    tmp_path: Path, act: Callable[[asyncio.Event], Awaitable[None]], cancellations: int
) -> None:
    _leave_by(tmp_path, act, cancellations)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.needs_root
def test_full_disk_is_reported_and_leaves_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "size=1m") as disk:
        spool = disk / "spool"
        spool.mkdir()
        fill(disk)
        with pytest.raises(DiskFull):
            _spooled(spool, [bytes(BLOCK_BYTES)])
        assert list(spool.iterdir()) == []


@pytest.mark.needs_root
def test_disk_without_room_for_a_file_name_is_reported(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "size=1m,nr_inodes=20") as disk:
        use_up_names(disk)
        with pytest.raises(DiskFull):
            _spooled(disk, [b"some bytes"])
        assert list(disk.glob("*.part")) == []


def test_simultaneous_uploads_do_not_mix(tmp_path: Path) -> None:
    contents = [os.urandom(BLOCK_BYTES + number) for number in range(20)]

    async def one(content: bytes) -> Digests:
        async with Spool(tmp_path, max_bytes=LIMIT) as spool:
            for at in range(0, len(content), 50_000):
                await spool.write(content[at : at + 50_000])
            return (await asyncio.to_thread(spool.complete)).digests

    async def every() -> list[Digests]:
        return await asyncio.gather(*map(one, contents))

    assert asyncio.run(every()) == [digests_of(content) for content in contents]
    assert list(tmp_path.iterdir()) == []


def test_files_of_a_killed_service_are_deleted_and_counted(tmp_path: Path) -> None:
    for name in ("a.part", "b.part", "notes.txt"):
        (tmp_path / name).touch()
    assert clear_spool(tmp_path) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    assert clear_spool(tmp_path) == 0
