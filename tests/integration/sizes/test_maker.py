"""What a reader gets when the worker, the picture or the cache fails."""

import asyncio
import io
import os
from collections.abc import Callable
from dataclasses import replace

import pytest
from PIL import Image as PillowImage

from authsvc.errors import Bomb, Busy, Corrupt, DiskFull, TooSlow, Unsupported
from authsvc.imaging.decoder.job import SizeJob
from authsvc.imaging.decoder.result_file import ResultFile
from authsvc.model import ImageType, Key
from authsvc.sizes.maker import Outcome, SizeMaker
from authsvc.sizes.request import BestFormat, FileSuffix, SizeRequest
from tests.support.contract.small_disk import small_disk
from tests.support.pictures import picture
from tests.support.times import shorten
from tests.support.workplace import Workplace


class OneByteDecoder:
    """Returns one byte as a size, or raises."""

    def __init__(self, act: Callable[[], None] = lambda: None) -> None:
        self._act = act

    async def make_size(self, picture: int, job: SizeJob) -> ResultFile:
        assert os.fstat(picture).st_size
        assert job.width
        self._act()
        result = ResultFile()
        os.write(result.descriptor, b"x")
        return result


def failing(error: Exception) -> OneByteDecoder:
    def fail() -> None:
        raise error

    return OneByteDecoder(fail)


def make(place: Workplace, decoder: OneByteDecoder, request: SizeRequest, ends: list[Outcome] | None = None) -> Outcome:
    async def run() -> Outcome:
        on_end = ends.append if ends is not None else lambda _: None
        maker = SizeMaker(store=place.store, cache=place.sizes, decoder=decoder, on_end=on_end)
        try:
            return await maker.make(request)
        finally:
            await maker.close()

    return asyncio.run(run())


@pytest.fixture
def webp_request(place: Workplace) -> SizeRequest:
    return SizeRequest(place.keep(picture("PNG", (300, 200))).key, 160, BestFormat.WEBP)


@pytest.mark.parametrize("best_format", list(BestFormat))
def test_size_smaller_than_the_picture_is_published(
    place: Workplace, webp_request: SizeRequest, best_format: BestFormat
) -> None:
    ends: list[Outcome] = []
    assert make(place, OneByteDecoder(), SizeRequest(webp_request.key, 160, best_format), ends) is Outcome.MADE
    suffix = FileSuffix.PLAIN if best_format is BestFormat.PLAIN else FileSuffix.WEBP
    assert place.sizes.path(webp_request.key, 160, suffix).read_bytes() == b"x"
    assert ends == [Outcome.MADE]
    assert list((place.settings.sizes_dir / "tmp").iterdir()) == []


@pytest.mark.waits_for("avif_pause")
def test_avif_starts_only_after_every_waiting_reader_is_served(
    place: Workplace, webp_request: SizeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = shorten(monkeypatch, "authsvc.sizes.maker", avif_pause=0.1)
    begun: list[tuple[int, ImageType]] = []

    class SlowAtWidth320(OneByteDecoder):
        async def make_size(self, picture: int, job: SizeJob) -> ResultFile:
            begun.append((job.width, job.format))
            if len(begun) == 5:
                all_begun.set()
            if job.width == 320:
                await released.wait()
            return await super().make_size(picture, job)

    async def run() -> None:
        maker = SizeMaker(store=place.store, cache=place.sizes, decoder=SlowAtWidth320(), on_end=lambda _: None)
        slow = asyncio.create_task(maker.make(SizeRequest(webp_request.key, 320, BestFormat.WEBP)))
        await maker.make(webp_request)
        done, _ = await asyncio.wait([slow], timeout=2 * times.avif_pause)
        # It takes more steps than an AVIF that would begin in these pauses, so that one would be listed before it.
        await maker.make(replace(webp_request, best_format=BestFormat.PLAIN))
        assert (sorted(begun[:2]), done) == ([(160, ImageType.WEBP), (320, ImageType.WEBP)], set())
        assert begun[2:] == [(160, ImageType.PNG)]
        released.set()
        await slow
        await asyncio.wait_for(all_begun.wait(), 20)
        assert begun[3:] == [(160, ImageType.AVIF), (320, ImageType.AVIF)]
        await maker.close()

    released, all_begun = asyncio.Event(), asyncio.Event()
    asyncio.run(run())


def test_existing_size_is_not_made_again(place: Workplace, webp_request: SizeRequest) -> None:
    make(place, OneByteDecoder(), webp_request)
    assert make(place, failing(Busy()), webp_request) is Outcome.FOUND


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Busy(), Outcome.NOT_NOW),
        (OSError("no disk"), Outcome.NOT_NOW),
        (FileNotFoundError("the cache was wiped"), Outcome.NOT_NOW),
        (DiskFull(), Outcome.NOT_NOW),
        (Corrupt(kind="PNG", reason="it cannot be decoded"), Outcome.LINKED),
        (Unsupported(), Outcome.LINKED),
        (TooSlow(limit="5"), Outcome.LINKED),
        (Bomb(what="picture", limit_bytes=1), Outcome.LINKED),
    ],
    ids=[
        "busy",
        "a failing disk",
        "a wiped cache",
        "a full cache disk",
        "a picture that cannot be decoded",
        "an animation that would be lost",
        "a picture that takes too long",
        "a picture that takes too much memory",
    ],
)
def test_after_a_failure_readers_get_the_picture_itself(
    place: Workplace, webp_request: SizeRequest, error: Exception, outcome: Outcome
) -> None:
    found = make(place, failing(error), webp_request)
    assert (found, found.is_there) == (outcome, outcome is Outcome.LINKED)
    linked = place.sizes.path(webp_request.key, 160, FileSuffix.WEBP_PLAIN)
    assert linked.exists() == found.is_there
    if found.is_there:
        assert linked.samefile(place.path_of(webp_request.key))


def test_reader_stops_waiting_and_the_job_goes_on(
    place: Workplace, webp_request: SizeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(OneByteDecoder):
        async def make_size(self, picture: int, job: SizeJob) -> ResultFile:
            await released.wait()
            return await super().make_size(picture, job)

    async def run() -> None:
        maker = SizeMaker(store=place.store, cache=place.sizes, decoder=Slow(), on_end=ends.append)
        first, second = await asyncio.gather(maker.make(webp_request), maker.make(webp_request))
        assert (first, second, ends) == (Outcome.NOT_NOW, Outcome.NOT_NOW, [])
        shorten(monkeypatch, "authsvc.sizes.maker", size_answer=60)
        waiting = asyncio.create_task(maker.make(webp_request))
        await asyncio.sleep(0)
        released.set()
        assert (await waiting, ends) == (Outcome.MADE, [Outcome.MADE])
        await maker.close()

    shorten(monkeypatch, "authsvc.sizes.maker", size_answer=0.1)
    released = asyncio.Event()
    ends: list[Outcome] = []
    asyncio.run(run())


def test_size_of_a_missing_picture_is_not_found(place: Workplace) -> None:
    with pytest.raises(FileNotFoundError):
        make(place, OneByteDecoder(), SizeRequest(Key("0" * 32, "png"), 160, BestFormat.WEBP))


def test_size_of_a_picture_removed_during_the_job_is_deleted(place: Workplace, webp_request: SizeRequest) -> None:
    decoder = OneByteDecoder(lambda: place.path_of(webp_request.key).unlink())
    with pytest.raises(FileNotFoundError):
        make(place, decoder, webp_request)
    assert not place.sizes.path(webp_request.key, 160, FileSuffix.WEBP).exists()


def test_size_that_is_not_smaller_than_the_picture_is_a_link_to_the_picture(
    place: Workplace, webp_request: SizeRequest
) -> None:
    class AsLongAsThePicture(OneByteDecoder):
        async def make_size(self, picture: int, job: SizeJob) -> ResultFile:
            result = await super().make_size(picture, job)
            os.ftruncate(result.descriptor, os.fstat(picture).st_size)
            return result

    assert make(place, AsLongAsThePicture(), webp_request) is Outcome.LINKED
    assert not place.sizes.path(webp_request.key, 160, FileSuffix.WEBP).exists()


@pytest.mark.needs_root
def test_cache_without_room_leaves_no_partial_file(place: Workplace) -> None:
    file = io.BytesIO()
    PillowImage.effect_noise((350, 250), 90).save(file, "PNG")
    key = place.keep(file.getvalue()).key

    class Long(OneByteDecoder):
        async def make_size(self, picture: int, job: SizeJob) -> ResultFile:
            result = await super().make_size(picture, job)
            os.write(result.descriptor, bytes(40_000))
            return result

    place.settings.sizes_dir.rmdir()
    with small_disk(place.settings.sizes_dir, "size=16k") as disk:
        assert place.path_of(key).stat().st_size > 40_001
        assert make(place, Long(), SizeRequest(key, 160, BestFormat.WEBP)) is Outcome.NOT_NOW
        assert [path for path in disk.rglob("*") if path.is_file()] == []
