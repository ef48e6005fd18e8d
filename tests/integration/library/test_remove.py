import asyncio
from collections.abc import Callable
from multiprocessing import get_context

import pytest

from authsvc.errors import NoSuchObject
from authsvc.library.remove import remove
from authsvc.model import Key
from authsvc.service.app import create_app
from authsvc.settings import Settings
from tests.support.actors import remove_and_die, upload_and_die_before_the_row
from tests.support.contract.values import digests_of
from tests.support.pictures import picture
from tests.support.stepped import Gate, SteppedImages, SteppedStore
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


def _remove_between(place: Workplace, key: Key, gate: Gate) -> bool:
    images, store = SteppedImages(place.catalog, gate), SteppedStore(place.settings, gate)
    return remove(key, images=images, store=store, sizes=place.sizes)


def test_removed_picture_can_be_uploaded_again(place: Workplace) -> None:
    content = picture()
    image = place.keep(content)
    assert place.remove(image.key) is True
    assert place.blobs_of(content) == []
    assert place.row_of(content) is None
    assert place.keep(content).key == image.key
    assert place.path_of(image.key).read_bytes() == content


def test_removal_keeps_other_pictures(place: Workplace) -> None:
    kept, removed = picture(), picture()
    image = place.keep(kept)
    place.remove(place.keep(removed).key)
    assert place.row_of(kept) == image
    assert place.blobs_of(kept) == [image.key]


@pytest.mark.parametrize("extension", ["png", "jpg"], ids=["unknown digest", "other extension"])
def test_removal_of_an_unknown_picture_is_refused(place: Workplace, extension: str) -> None:
    content = picture("JPEG" if extension == "png" else "PNG")
    if extension == "jpg":
        place.keep(content)
    with pytest.raises(NoSuchObject, match="image list"):
        place.remove(Key(digests_of(content).md5, extension))


def test_blob_without_a_row_can_be_removed(place: Workplace) -> None:
    content = picture()
    key = Key(digests_of(content).md5, "png")
    place.store_blob(content, key)
    assert place.remove(key) is True
    assert place.blobs_of(content) == []
    with pytest.raises(NoSuchObject, match="image list"):
        place.remove(key)


def test_picture_whose_blob_is_lost_can_be_removed(place: Workplace) -> None:
    content = picture()
    image = place.keep(content)
    place.lose_blob(image.key)
    assert place.remove(image.key) is True
    assert place.row_of(content) is None


def test_removal_reports_that_the_picture_was_uploaded_again_meanwhile(place: Workplace) -> None:
    content = picture()
    image = place.keep(content)

    def in_between(step: str) -> None:
        if step == "set_aside":
            place.keep(content)

    assert _remove_between(place, image.key, in_between) is False
    assert place.row_of(content) == image
    assert place.blobs_of(content) == [image.key]


def test_removal_that_another_process_has_finished_is_done(place: Workplace) -> None:
    image = place.keep(picture())

    def in_between(step: str) -> None:
        if step == "set_aside":
            place.remove(image.key)

    assert _remove_between(place, image.key, in_between) is True


@pytest.mark.parametrize("step", ["set_aside", "forget", "drop"])
def test_removal_that_was_killed_is_finished_at_the_next_start(place: Workplace, step: str) -> None:
    content, other = picture(), picture()
    image, kept = place.keep(content), place.keep(other)
    _run_until_killed(remove_and_die, place.settings.data_dir, content, before=step)
    assert place.catalog.images.buried() == ([] if step == "drop" else [image.key])
    assert len(list(place.store.aside())) == (0 if step == "set_aside" else 1)
    _start_and_stop(place.settings)
    assert place.catalog.images.buried() == []
    assert list(place.store.aside()) == []
    assert place.blobs_of(content) == []
    assert place.row_of(other) == kept


def test_killed_removal_can_be_repeated(place: Workplace) -> None:
    content = picture()
    image = place.keep(content)
    _run_until_killed(remove_and_die, place.settings.data_dir, content, before="set_aside")
    assert place.remove(image.key) is True
    assert place.blobs_of(content) == []


def test_finished_removals_are_counted(place: Workplace) -> None:
    for _ in range(3):
        place.catalog.images.bury(place.keep(picture()).key, now=1)
    assert (place.finish_removals(), place.finish_removals()) == (3, 0)


def test_blob_of_an_upload_killed_before_its_row_is_used_by_the_next_upload(place: Workplace) -> None:
    content = picture()
    key = Key(digests_of(content).md5, "png")
    _run_until_killed(upload_and_die_before_the_row, place.settings.data_dir, content)
    assert place.blobs_of(content) == [key]
    assert place.row_of(content) is None
    assert place.keep(content).key == key
    assert place.blobs_of(content) == [key]
