"""Uploads that arrive while others are stored are stored together."""

import asyncio
import errno
import threading
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from authsvc.catalog.images import SqlImageCatalog
from authsvc.errors import Busy, Collision, DiskFull, Unsupported
from authsvc.model import Digests, Image, Key, Spooled
from authsvc.store.filesystem import FilesystemStore
from authsvc.store.port import BlobStat, Put
from authsvc.uploads.batcher import MAX_GROUP
from authsvc.uploads.pipeline import Ingest
from authsvc.uploads.spool import Spool
from tests.support.pictures import picture
from tests.support.workplace import Received, Workplace, ingest_of

DEADLINE_SECONDS = 60


class CountingStore(FilesystemStore):
    """The real store; it notes how many files each call stores."""

    def __init__(self, place: Workplace) -> None:
        super().__init__(place.settings.blobs_dir, trash=place.settings.trash_dir)
        self.sizes: list[int] = []

    def put_all(self, puts: Sequence[Put]) -> list[bool | Exception]:
        self.sizes.append(len(puts))
        return super().put_all(puts)


@dataclass
class Crowd:
    """Uploads that wait for the first one, which stops until `go`."""

    place: Workplace
    store: CountingStore
    ingest: Ingest
    first: asyncio.Task[Image] | None = None
    may_go: threading.Event = field(default_factory=threading.Event)

    def wait_in_line(self, content: bytes, *, md5: str | None = None) -> asyncio.Task[Image]:
        return asyncio.create_task(self.ingest.keep(self.place.received(content, md5=md5), name="", owner=""))

    async def go(self) -> None:
        """Let the first one continue, and wait until it is stored."""
        # Every task has come to its place in the line.
        await asyncio.sleep(0)
        self.may_go.set()
        assert self.first is not None
        await asyncio.wait_for(self.first, DEADLINE_SECONDS)


@asynccontextmanager
async def crowd(place: Workplace, store: FilesystemStore | None = None) -> AsyncIterator[Crowd]:
    counting = CountingStore(place)
    made = Crowd(place, counting, ingest_of(place.catalog.images, store or counting))

    def slowly() -> Spooled:
        assert made.may_go.wait(DEADLINE_SECONDS)
        return place.spooled(picture())

    made.first = asyncio.create_task(made.ingest.keep(Received(slowly), name="", owner=""))
    await asyncio.sleep(0)
    try:
        yield made
    finally:
        made.may_go.set()


def test_uploads_that_wait_are_stored_by_one_call(place: Workplace) -> None:
    async def run() -> None:
        async with crowd(place) as made:
            contents = [picture() for _ in range(10)]
            waiting = [made.wait_in_line(content) for content in contents]
            await made.go()
            for content, image in zip(contents, await asyncio.gather(*waiting), strict=True):
                assert place.row_of(content) == image
                assert place.path_of(image.key).read_bytes() == content
            assert made.store.sizes == [1, 10]

    asyncio.run(run())


def test_group_has_a_maximum_size(place: Workplace) -> None:
    async def run() -> None:
        async with crowd(place) as made:
            content = picture()
            waiting = [made.wait_in_line(content) for _ in range(MAX_GROUP + 1)]
            await made.go()
            await asyncio.gather(*waiting)
            assert place.blobs_of(content) == [(await waiting[-1]).key]
            assert max(made.store.sizes) == MAX_GROUP
            assert sum(made.store.sizes) == MAX_GROUP + 2

    asyncio.run(run())


@pytest.mark.parametrize("position", [0, 2, 4], ids=["first", "in the middle", "last"])
def test_refused_upload_does_not_affect_others_of_its_group(place: Workplace, position: int) -> None:
    async def run() -> None:
        async with crowd(place) as made:
            contents = [picture() for _ in range(4)]
            image = await place.ingest.keep(place.received(picture()), name="", owner="")
            waiting = [made.wait_in_line(content) for content in contents[:position]]
            text = made.wait_in_line(b"no picture")
            forgery = made.wait_in_line(picture(), md5=image.key.digest)
            waiting += [made.wait_in_line(content) for content in contents[position:]]
            await made.go()
            kept = await asyncio.gather(*waiting)
            assert [place.path_of(each.key).read_bytes() for each in kept] == contents
            with pytest.raises(Unsupported):
                await text
            with pytest.raises(Collision):
                await forgery
            assert place.catalog.images.find(image.key.digest) == image

    asyncio.run(run())


def test_one_of_two_files_with_the_same_md5_in_a_group_is_kept(place: Workplace) -> None:
    async def run() -> None:
        async with crowd(place) as made:
            content = picture()
            md5 = "0" * 32
            rivals = [made.wait_in_line(content, md5=md5), made.wait_in_line(picture("GIF"), md5=md5)]
            await made.go()
            kept, refused = await asyncio.gather(*rivals, return_exceptions=True)
            assert isinstance(kept, Image)
            assert isinstance(refused, Collision)
            assert list(place.store.keys(md5)) == [kept.key]
            assert place.path_of(kept.key).read_bytes() == content

    asyncio.run(run())


def test_upload_of_a_disconnected_client_does_not_affect_others_of_its_group(place: Workplace) -> None:
    async def run() -> None:
        async with crowd(place) as made:
            contents = [picture() for _ in range(3)]
            first, leaving, last = [made.wait_in_line(content) for content in contents]
            await asyncio.sleep(0)
            leaving.cancel()
            await made.go()
            for task, content in ((first, contents[0]), (last, contents[2])):
                assert place.path_of((await task).key).read_bytes() == content
            with pytest.raises(asyncio.CancelledError):
                await leaving

    asyncio.run(run())


def test_missing_file_fails_only_its_own_upload(place: Workplace) -> None:
    async def run() -> None:
        async with crowd(place) as made:
            content = picture()

            def unlinked() -> Spooled:
                spooled = place.spooled(picture())
                spooled.path.unlink()
                return spooled

            other = made.wait_in_line(content)
            missing = asyncio.create_task(made.ingest.keep(Received(unlinked), name="", owner=""))
            await made.go()
            assert place.path_of((await other).key).read_bytes() == content
            with pytest.raises(FileNotFoundError):
                await missing

    asyncio.run(run())


def test_no_upload_waits_after_the_last_group_is_done(place: Workplace) -> None:
    async def run() -> None:
        ingest = place.ingest
        for _ in range(3):
            await asyncio.wait_for(ingest.keep(place.received(picture()), name="", owner=""), DEADLINE_SECONDS)

    asyncio.run(run())


def test_unreadable_blob_fails_only_its_own_upload(place: Workplace) -> None:
    async def run() -> None:
        broken, good, new = picture(), picture(), picture()
        stored = [await place.ingest.keep(place.received(content), name="", owner="") for content in (broken, good)]

        class Damaged(FilesystemStore):
            def stat(self, key: Key) -> BlobStat | None:
                if key == stored[0].key:
                    raise OSError(errno.EIO, "EIO")
                return super().stat(key)

        async with crowd(place, Damaged(place.settings.blobs_dir, trash=place.settings.trash_dir)) as made:
            waiting = [made.wait_in_line(content) for content in (good, broken, new)]
            await made.go()
            known, failed, kept = await asyncio.gather(*waiting, return_exceptions=True)
            assert known == stored[1]
            assert isinstance(failed, OSError)
            assert isinstance(kept, Image)

    asyncio.run(run())


@pytest.mark.parametrize("error", [Busy, DiskFull], ids=["locked", "full"])
def test_failing_catalog_fails_its_uploads_and_not_the_next(place: Workplace, error: type[Busy | DiskFull]) -> None:
    class Failing(SqlImageCatalog):
        is_failing = False

        def add(self, image: Image, received: Digests) -> Future[Image | Collision]:
            if not self.is_failing:
                return super().add(image, received)
            failed: Future[Image | Collision] = Future()
            failed.set_exception(error())
            return failed

    async def run() -> None:
        images = Failing(place.catalog._engine, place.catalog._writer)
        ingest = ingest_of(images, place.store)
        before = await ingest.keep(place.received(known := picture()), name="", owner="")
        images.is_failing = True
        contents = [picture() for _ in range(3)]
        results = await asyncio.gather(
            *(ingest.keep(place.received(content), name="", owner="") for content in (*contents, known)),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [error] * 3 + [Image]
        if error is DiskFull:
            assert [place.blobs_of(content) for content in contents] == [[], [], []]
        assert place.blobs_of(known) == [before.key]
        images.is_failing = False
        for content in contents:
            assert (
                place.path_of((await ingest.keep(place.received(content), name="", owner="")).key).read_bytes()
                == content
            )

    asyncio.run(run())


def test_close_waits_for_the_row_of_a_disconnected_client(place: Workplace) -> None:
    async def run() -> None:
        async with crowd(place) as made:
            assert made.first is not None
            made.first.cancel()
            closing = asyncio.create_task(made.ingest.close())
            await asyncio.sleep(0)
            assert not closing.done()
            made.may_go.set()
            await asyncio.wait_for(closing, DEADLINE_SECONDS)
            assert made.store.sizes == [1]
        await ingest_of(place.catalog.images, place.store).close()

    asyncio.run(run())


class HeldStore(FilesystemStore):
    """Stops before or after its work until it may continue."""

    def __init__(self, place: Workplace, *, is_after: bool) -> None:
        super().__init__(place.settings.blobs_dir, trash=place.settings.trash_dir)
        self.reached, self.may_go = threading.Event(), threading.Event()
        self._is_after = is_after

    def put_all(self, puts: Sequence[Put]) -> list[bool | Exception]:
        results = super().put_all(puts) if self._is_after else []
        self.reached.set()
        assert self.may_go.wait(DEADLINE_SECONDS)
        return results or super().put_all(puts)


@pytest.mark.parametrize("is_after", [False, True], ids=["before its file is stored", "after that"])
def test_cancelled_upload_leaves_no_file(place: Workplace, *, is_after: bool) -> None:
    leaving, staying = picture(), picture()
    store = HeldStore(place, is_after=is_after)

    async def run() -> None:
        ingest = ingest_of(place.catalog.images, store)

        async def upload(content: bytes) -> Image:
            async with Spool(place.settings.spool_dir, max_bytes=len(content)) as spool:
                await spool.write(content)
                spool.hash_rest()
                return await ingest.keep(spool, name="", owner="")

        cancelled, other = asyncio.create_task(upload(leaving)), asyncio.create_task(upload(staying))
        assert await asyncio.to_thread(store.reached.wait, DEADLINE_SECONDS)
        cancelled.cancel()
        await asyncio.wait([cancelled], timeout=DEADLINE_SECONDS)
        assert cancelled.cancelled()
        store.may_go.set()
        assert place.path_of((await other).key).read_bytes() == staying
        await ingest.close()

    asyncio.run(run())
    assert list(place.settings.spool_dir.iterdir()) == []
    # With a blob there is a row, and without one there is none.
    assert (place.row_of(leaving) is not None) == is_after
    assert len(place.blobs_of(leaving)) == is_after


def test_upload_after_the_threads_have_ended_is_answered(place: Workplace) -> None:
    async def run() -> None:
        threads = ThreadPoolExecutor(1)
        asyncio.get_running_loop().set_default_executor(threads)
        threads.shutdown()
        with pytest.raises(RuntimeError, match="after shutdown"):
            await asyncio.wait_for(place.ingest.keep(place.received(picture()), name="", owner=""), DEADLINE_SECONDS)

    asyncio.run(run())
