"""A removal that stops before each of its steps: forever, or while others go on."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from authsvc.errors import Collision, NoSuchObject
from authsvc.library.remove import remove
from authsvc.model import Image, Key
from authsvc.sizes.request import FileSuffix
from tests.support.contract.values import digests_of
from tests.support.pictures import picture
from tests.support.stepped import Gate, SteppedImages, SteppedStore
from tests.support.workplace import Workplace, open_workplace

STEPS = ("bury", "set_aside", "forget", "drop")
"""The steps of a removal during which nothing else happens."""
LIFTED_STEPS = ("set_aside", "forget", "put_back", "find", "drop")
"""The steps of a removal whose tombstone an upload lifts."""


class _KilledError(BaseException):
    """Ends a removal as a kill does: none of its steps run afterwards."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, new_catalog: Path) -> Iterator[Workplace]:
    """One data folder for all cases; each case has its own picture."""
    made = open_workplace(tmp_path_factory.mktemp("cases") / "data", new_catalog)
    yield made
    made.catalog.close()


def _at(step: str, act: Callable[[], object]) -> Gate:
    """Return a gate that calls `act` once, before the first step of this name."""
    is_open = itertools.count()

    def gate(name: str) -> None:
        if name == step and next(is_open) == 0:
            act()

    return gate


def _remove(place: Workplace, key: Key, gate: Gate) -> bool:
    images, store = SteppedImages(place.catalog, gate), SteppedStore(place.settings, gate)
    return remove(key, images=images, store=store, sizes=place.sizes)


def _kill() -> None:
    raise _KilledError


def _remove_until_killed(place: Workplace, key: Key, gate: Gate) -> None:
    with pytest.raises(_KilledError):
        _remove(place, key, gate)


def _with_size(place: Workplace, content: bytes) -> Key:
    key = place.keep(content).key
    file = place.sizes.new_path()
    file.touch()
    place.sizes.publish(file, key, 160, FileSuffix.WEBP)
    return key


def _is_served(place: Workplace, key: Key) -> bool:
    return place.path_of(key).exists() or place.sizes.path(key, 160, FileSuffix.WEBP).exists()


@pytest.mark.parametrize("step", STEPS[1:])
def test_killed_removal_is_finished_at_the_next_start(shared: Workplace, step: str) -> None:
    key = _with_size(shared, content := picture())
    _remove_until_killed(shared, key, _at(step, _kill))
    assert shared.row_of(content) is None
    assert shared.finish_removals() == 1
    assert not _is_served(shared, key)
    assert list(shared.store.aside()) == []
    assert shared.catalog.images.buried() == []
    assert shared.finish_removals() == 0


@pytest.mark.parametrize("step", STEPS[1:])
def test_upload_after_a_killed_removal_is_kept_through_the_next_start(shared: Workplace, step: str) -> None:
    key = shared.keep(content := picture()).key
    _remove_until_killed(shared, key, _at(step, _kill))
    image = shared.keep(content)
    assert shared.path_of(key).read_bytes() == content
    shared.finish_removals()
    assert (shared.row_of(content), shared.path_of(key).read_bytes()) == (image, content)
    assert list(shared.store.aside()) == []


@pytest.mark.parametrize("killed_before", LIFTED_STEPS[1:])
def test_answered_upload_whose_blob_a_killed_removal_took_is_put_back_at_the_next_start(
    shared: Workplace, killed_before: str
) -> None:
    key = shared.keep(content := picture()).key
    lift = _at("set_aside", lambda: shared.keep(content))
    kill = _at(killed_before, _kill)

    def gate(step: str) -> None:
        lift(step)
        kill(step)

    _remove_until_killed(shared, key, gate)
    shared.finish_removals()
    assert shared.row_of(content) is not None
    assert shared.path_of(key).read_bytes() == content
    assert list(shared.store.aside()) == []


def _upload(place: Workplace, content: bytes) -> None:
    place.keep(content)


def _remove_whole(place: Workplace, content: bytes) -> None:
    with suppress(NoSuchObject):
        place.remove(Key(digests_of(content).md5, "png"))


def _start(place: Workplace, _: bytes) -> None:
    place.finish_removals()


OTHERS = {"an upload": _upload, "a removal": _remove_whole, "a start": _start}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    "others", [each for length in (1, 2, 3) for each in itertools.product(OTHERS, repeat=length)], ids=", ".join
)
def test_stalled_removal_that_goes_on_later_takes_no_later_upload_and_leaves_no_blob(
    shared: Workplace, step: str, others: tuple[str, ...]
) -> None:
    key = shared.keep(content := picture()).key

    def meanwhile() -> None:
        for other in others:
            OTHERS[other](shared, content)

    with suppress(NoSuchObject):
        _remove(shared, key, _at(step, meanwhile))
    row = shared.row_of(content)
    assert shared.blobs_of(content) == ([] if row is None else [row.key])
    assert list(shared.store.aside()) == []
    changes = [other for other in others if other != "a start"]
    if step != "bury":
        assert (row is not None) == (changes[-1:] == ["an upload"])


@pytest.mark.parametrize("killed_before", ["find", "drop"])
@pytest.mark.parametrize("is_removed_again", [False, True], ids=["kept", "removed again"])
def test_blob_put_back_while_another_removes_it_is_not_served_for_ever(
    shared: Workplace, killed_before: str, *, is_removed_again: bool
) -> None:
    key = shared.keep(content := picture()).key
    lift = _at("set_aside", lambda: shared.keep(content))
    remove_again = _at("put_back", lambda: shared.remove(key) if is_removed_again else None)
    kill = _at(killed_before, _kill)

    def gate(step: str) -> None:
        for each in (lift, remove_again, kill):
            each(step)

    _remove_until_killed(shared, key, gate)
    shared.finish_removals()
    assert shared.blobs_of(content) == ([] if is_removed_again else [key])
    assert (shared.row_of(content) is None) == is_removed_again
    assert list(shared.store.aside()) == []


def test_blob_put_back_while_another_removes_it_is_removed_without_a_start(shared: Workplace) -> None:
    key = shared.keep(content := picture()).key
    lift, remove_again = _at("set_aside", lambda: shared.keep(content)), _at("put_back", lambda: shared.remove(key))

    def gate(step: str) -> None:
        lift(step)
        remove_again(step)

    assert _remove(shared, key, gate) is True
    assert shared.blobs_of(content) == []
    assert list(shared.store.aside()) == []


def test_forgery_stored_while_the_blob_is_aside_does_not_take_its_place(shared: Workplace) -> None:
    image = shared.keep(content := picture())
    forged = picture()

    def lift_and_forge() -> None:
        # An upload found the blob before it was set aside, and has yet to look for it again.
        shared.catalog.images.add(image, digests_of(content)).result()
        shared.store_blob(forged, image.key)

    assert _remove(shared, image.key, _at("forget", lift_and_forge)) is False
    assert shared.row_of(content) == image
    assert shared.path_of(image.key).read_bytes() == content
    assert list(shared.store.aside()) == []


def test_refused_forgery_leaves_the_picture_that_it_met(shared: Workplace) -> None:
    image = shared.keep(content := picture())
    aside = shared.store.set_aside(image.key)
    assert aside is not None
    shared.catalog.images.bury(image.key, now=1)
    with pytest.raises(Collision):
        shared.keep(picture(), md5=image.key.digest)
    assert not shared.path_of(image.key).exists()
    assert isinstance(shared.keep(content), Image)
    shared.finish_removals()
    assert shared.path_of(image.key).read_bytes() == content
