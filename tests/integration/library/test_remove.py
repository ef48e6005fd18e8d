import asyncio
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context

import pytest

from authsvc.errors import NoSuchObject
from authsvc.library.remove import finish_removals, remove
from authsvc.model import Key
from authsvc.service.app import create_app
from authsvc.settings import Settings
from tests.support.actors import remove_and_die, upload_and_die_before_the_row
from tests.support.contract.values import digests_of
from tests.support.pictures import picture
from tests.support.stepped import Gate, SteppedImages
from tests.support.workplace import Workplace


def _run_until_killed(target: Callable[..., None], *arguments: object, **named: object) -> None:
    process = get_context("spawn").Process(target=target, args=arguments, kwargs=named)
    process.start()
    process.join(60)
    assert process.exitcode == -9
    process.close()


def _start_and_stop(settings: Settings) -> None:
    app = create_app(settings)

    async def live() -> None:
        async with app.router.lifespan_context(app):
            pass

    asyncio.run(live())


def _remove(place: Workplace, key: Key) -> bool:
    return remove(key, images=place.catalog.images, store=place.store, sizes=place.sizes)


def _remove_between(place: Workplace, key: Key, gate: Gate) -> bool:
    images = SteppedImages(place.catalog, gate)
    return remove(key, images=images, store=place.store, sizes=place.sizes)


def test_removed_picture_is_gone_and_can_be_uploaded_again(place: Workplace) -> None:
    content = picture()
    image = place.keep(content)
    assert _remove(place, image.key) is True
    assert place.blobs_of(content) == []
    assert place.row_of(content) is None
    assert place.keep(content).key == image.key
    assert place.path_of(image.key).read_bytes() == content


def test_removal_leaves_other_pictures(place: Workplace) -> None:
    kept, removed = picture(), picture()
    image = place.keep(kept)
    _remove(place, place.keep(removed).key)
    assert place.row_of(kept) == image
    assert place.blobs_of(kept) == [image.key]


@pytest.mark.parametrize("extension", ["png", "jpg"], ids=["unknown digest", "other extension"])
def test_removal_of_an_unknown_picture_is_refused(place: Workplace, extension: str) -> None:
    content = picture("JPEG" if extension == "png" else "PNG")
    if extension == "jpg":
        place.keep(content)
    with pytest.raises(NoSuchObject, match="image list"):
        _remove(place, Key(digests_of(content).md5, extension))


def test_blob_that_never_got_its_row_can_be_removed(place: Workplace) -> None:
    content = picture()
    key = Key(digests_of(content).md5, "png")
    place.store_blob(content, key)
    assert _remove(place, key) is True
    assert place.blobs_of(content) == []
    with pytest.raises(NoSuchObject, match="image list"):
        _remove(place, key)


def test_picture_whose_blob_is_lost_can_be_removed(place: Workplace) -> None:
    content = picture()
    image = place.keep(content)
    place.store.delete(image.key)
    assert _remove(place, image.key) is True
    assert place.row_of(content) is None


def test_removal_says_when_an_upload_has_come_in_between(place: Workplace) -> None:
    content = picture()
    image = place.keep(content)

    def in_between(step: str) -> None:
        if step == "finish_removal":
            place.keep(content)

    assert _remove_between(place, image.key, in_between) is False
    assert place.row_of(content) == image
    assert place.blobs_of(content) == [image.key]


def test_removal_that_another_removal_has_finished_claims_no_upload(place: Workplace) -> None:
    image = place.keep(picture())

    def in_between(step: str) -> None:
        if step == "finish_removal":
            _remove(place, image.key)

    assert _remove_between(place, image.key, in_between) is True


@pytest.mark.parametrize("has_deleted", [False, True], ids=["before the blob", "behind the blob"])
def test_removal_that_was_killed_is_finished_at_the_next_start(place: Workplace, *, has_deleted: bool) -> None:
    content, other = picture(), picture()
    image, kept = place.keep(content), place.keep(other)
    _run_until_killed(remove_and_die, place.settings.data_dir, content, has_deleted=has_deleted)
    assert place.catalog.images.buried() == [image.key]
    assert place.blobs_of(content) == ([] if has_deleted else [image.key])
    _start_and_stop(place.settings)
    assert place.catalog.images.buried() == []
    assert place.blobs_of(content) == []
    assert place.row_of(other) == kept


def test_killed_removal_can_be_repeated(place: Workplace) -> None:
    content = picture()
    image = place.keep(content)
    _run_until_killed(remove_and_die, place.settings.data_dir, content, has_deleted=False)
    assert _remove(place, image.key) is True
    assert place.blobs_of(content) == []


def test_finished_removals_are_counted(place: Workplace) -> None:
    for _ in range(3):
        place.catalog.images.bury(place.keep(picture()).key, now=1)
    finish = partial(finish_removals, images=place.catalog.images, store=place.store, sizes=place.sizes)
    assert (finish(), finish()) == (3, 0)


def test_upload_that_was_killed_before_its_row_leaves_a_blob_that_the_next_takes_over(place: Workplace) -> None:
    content = picture()
    key = Key(digests_of(content).md5, "png")
    _run_until_killed(upload_and_die_before_the_row, place.settings.data_dir, content)
    assert place.blobs_of(content) == [key]
    assert place.row_of(content) is None
    assert place.keep(content).key == key
    assert place.blobs_of(content) == [key]
