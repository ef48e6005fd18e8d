"""What becomes of a derivative when the worker, the picture or the cache fails."""

import asyncio
from collections.abc import Callable

import pytest

import authsvc.sizes.maker
from authsvc.errors import Bomb, Busy, Corrupt, DiskFull, TooSlow, Unsupported
from authsvc.imaging.decoder.job import Derivation
from authsvc.model import ImageType, Key
from authsvc.sizes.cache import BestFormat, End, SizeRequest
from authsvc.sizes.maker import IDLE_POLL_SECONDS, Deriver, Outcome
from tests.support.pictures import picture
from tests.support.workplace import Workplace


class Maker:
    """Writes a byte for a derivative, or raises."""

    def __init__(self, act: Callable[[], None] = lambda: None) -> None:
        self._act = act

    async def derive(self, derivation: Derivation) -> None:
        self._act()
        await asyncio.to_thread(derivation.target.write_bytes, b"x")


def failing(error: Exception) -> Maker:
    def fail() -> None:
        raise error

    return Maker(fail)


def derive(place: Workplace, maker: Maker, wanted: SizeRequest, ends: list[Outcome] | None = None) -> Outcome:
    async def run() -> Outcome:
        told = ends.append if ends is not None else lambda _: None
        deriver = Deriver(store=place.store, cache=place.derivatives, maker=maker, on_end=told)
        try:
            return await deriver.derive(wanted)
        finally:
            await deriver.close()

    return asyncio.run(run())


@pytest.fixture
def wanted(place: Workplace) -> SizeRequest:
    return SizeRequest(place.keep(picture("PNG", (300, 200))).key, 160, BestFormat.WEBP)


@pytest.mark.parametrize("accepts", list(BestFormat))
def test_derivative_that_is_smaller_is_published(place: Workplace, wanted: SizeRequest, accepts: BestFormat) -> None:
    ends: list[Outcome] = []
    assert derive(place, Maker(), SizeRequest(wanted.key, 160, accepts), ends) is Outcome.MADE
    end = End.PLAIN if accepts is BestFormat.PLAIN else End.WEBP
    assert place.derivatives.path(wanted.key, 160, end).read_bytes() == b"x"
    assert ends == [Outcome.MADE]
    assert list((place.settings.derivatives_dir / "tmp").iterdir()) == []


def test_avif_is_not_begun_before_every_reader_has_theirs(place: Workplace, wanted: SizeRequest) -> None:
    begun: list[tuple[int, ImageType]] = []

    class SlowAtWidth320(Maker):
        async def derive(self, derivation: Derivation) -> None:
            begun.append((derivation.width, derivation.format))
            if len(begun) == 4:
                all_begun.set()
            if derivation.width == 320:
                await released.wait()
            await super().derive(derivation)

    async def run() -> None:
        deriver = Deriver(store=place.store, cache=place.derivatives, maker=SlowAtWidth320(), on_end=lambda _: None)
        slow = asyncio.create_task(deriver.derive(SizeRequest(wanted.key, 320, BestFormat.WEBP)))
        await deriver.derive(wanted)
        await asyncio.sleep(2 * IDLE_POLL_SECONDS)
        assert sorted(begun) == [(160, ImageType.WEBP), (320, ImageType.WEBP)]
        released.set()
        await slow
        await asyncio.wait_for(all_begun.wait(), 20)
        assert begun[2:] == [(160, ImageType.AVIF), (320, ImageType.AVIF)]
        await deriver.close()

    released, all_begun = asyncio.Event(), asyncio.Event()
    asyncio.run(run())


def test_derivative_that_is_there_is_not_made_again(place: Workplace, wanted: SizeRequest) -> None:
    derive(place, Maker(), wanted)
    assert derive(place, failing(Busy()), wanted) is Outcome.FOUND


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
def test_failure_ends_in_the_picture_itself(
    place: Workplace, wanted: SizeRequest, error: Exception, outcome: Outcome
) -> None:
    found = derive(place, failing(error), wanted)
    assert (found, found.is_there) == (outcome, outcome is Outcome.LINKED)
    linked = place.derivatives.path(wanted.key, 160, End.WEBP_PLAIN)
    assert linked.exists() == found.is_there
    if found.is_there:
        assert linked.samefile(place.path_of(wanted.key))


def test_reader_waits_for_a_while_and_the_job_goes_on(
    place: Workplace, wanted: SizeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(Maker):
        async def derive(self, derivation: Derivation) -> None:
            await released.wait()
            await super().derive(derivation)

    async def run() -> None:
        deriver = Deriver(store=place.store, cache=place.derivatives, maker=Slow(), on_end=ends.append)
        first, second = await asyncio.gather(deriver.derive(wanted), deriver.derive(wanted))
        assert (first, second, ends) == (Outcome.NOT_NOW, Outcome.NOT_NOW, [])
        waiting = asyncio.create_task(deriver.derive(wanted))
        await asyncio.sleep(0)
        released.set()
        assert (await waiting, ends) == (Outcome.MADE, [Outcome.MADE])
        await deriver.close()

    monkeypatch.setattr(authsvc.sizes.maker, "READER_TIMEOUT_SECONDS", 0.1)
    released = asyncio.Event()
    ends: list[Outcome] = []
    asyncio.run(run())


def test_picture_that_is_not_there_has_no_derivative(place: Workplace) -> None:
    with pytest.raises(FileNotFoundError):
        derive(place, Maker(), SizeRequest(Key("0" * 32, "png"), 160, BestFormat.WEBP))


def test_derivative_of_a_picture_that_was_removed_meanwhile_is_taken_back(
    place: Workplace, wanted: SizeRequest
) -> None:
    maker = Maker(lambda: place.path_of(wanted.key).unlink())
    with pytest.raises(FileNotFoundError):
        derive(place, maker, wanted)
    assert not place.derivatives.path(wanted.key, 160, End.WEBP).exists()


def test_plain_derivative_as_wide_as_the_picture_is_the_picture(place: Workplace, wanted: SizeRequest) -> None:
    assert derive(place, Maker(), SizeRequest(wanted.key, 640, BestFormat.PLAIN)) is Outcome.LINKED
