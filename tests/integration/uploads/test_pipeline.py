import asyncio
import os
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from authsvc.errors import Busy, Collision, Corrupt, TooManyPixels, Unsupported
from authsvc.imaging.decoder.answer import Accepted
from authsvc.imaging.decoder.result_file import ResultFile
from authsvc.model import Image, Key
from authsvc.uploads.pipeline import Ingest
from tests.support.contract.values import digests_of
from tests.support.imaging.private_pictures import PRIVATE, SECRET
from tests.support.imaging.real_pictures import SIZE
from tests.support.pictures import FORMATS, picture
from tests.support.stepped import SteppedImages, SteppedStore
from tests.support.workplace import LIMITS, Received, Workplace, ingest_of


@pytest.mark.parametrize(("kind", "extension"), FORMATS.items(), ids=FORMATS.values())
def test_picture_is_stored_byte_for_byte_under_its_md5_and_detected_type(
    place: Workplace, kind: str, extension: str
) -> None:
    content = picture(kind, (64, 48))
    image = place.keep(content, name="holiday.exe")
    digests = digests_of(content)
    assert image.key == Key(digests.md5, extension)
    assert (image.sha256, image.size) == (digests.sha256, len(content))
    assert (image.width, image.height, image.name) == (64, 48, "holiday.exe")
    assert place.path_of(image.key).read_bytes() == content
    assert place.row_of(content) == image


def test_picture_beyond_the_limits_is_not_stored(place: Workplace) -> None:
    content = picture(size=(LIMITS.max_side + 1, 2))
    with pytest.raises(TooManyPixels):
        place.keep(content)
    assert place.blobs_of(content) == []
    assert place.row_of(content) is None


def test_duplicate_gets_the_facts_of_the_first_upload(place: Workplace) -> None:
    content = picture()
    first = place.keep(content, name="first.png")
    assert place.keep(content, name="second.png") == first
    assert place.blobs_of(content) == [first.key]


def test_duplicate_of_a_blob_that_moved_in_as_jpeg_keeps_that_address(place: Workplace) -> None:
    content = picture("JPEG")
    digests = digests_of(content)
    key = Key(digests.md5, "jpeg")
    place.store_blob(content, key)
    moved_in = Image(key, digests.sha256, len(content), 64, 48, "", 1)
    place.catalog.images.add(moved_in, digests).result()
    assert place.keep(content) == moved_in
    assert place.blobs_of(content) == [key]


def test_lost_blob_is_stored_again_under_its_old_key(place: Workplace) -> None:
    content = picture("JPEG")
    digests = digests_of(content)
    moved_in = Image(Key(digests.md5, "jpeg"), digests.sha256, len(content), 64, 48, "", 1)
    place.catalog.images.add(moved_in, digests).result()
    assert place.keep(content) == moved_in
    assert place.path_of(moved_in.key).read_bytes() == content


def test_same_new_picture_uploaded_by_many_at_once_is_one_file_and_equal_answers(place: Workplace) -> None:
    content = picture()
    ingest = place.ingest

    async def keep_all() -> list[Image]:
        return await asyncio.gather(
            *(ingest.keep(place.received(content), name=f"{number}.png", owner="") for number in range(20))
        )

    images = asyncio.run(keep_all())
    assert set(images) == {place.row_of(content)}
    assert place.blobs_of(content) == [images[0].key]


def test_blob_left_without_a_row_by_a_crash_is_used(place: Workplace) -> None:
    content = picture()
    key = Key(digests_of(content).md5, "png")
    place.store_blob(content, key)
    assert place.keep(content).key == key
    assert place.blobs_of(content) == [key]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"just text", Unsupported),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Unsupported),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), Corrupt),
    ],
    ids=["text", "svg", "damaged header"],
)
def test_refused_file_leaves_nothing(place: Workplace, content: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        place.keep(content)
    assert place.blobs_of(content) == []
    assert place.row_of(content) is None


def test_forged_md5_of_a_stored_picture_is_refused_and_changes_nothing(place: Workplace) -> None:
    image = place.keep(content := picture())
    for kind in ("PNG", "GIF"):
        with pytest.raises(Collision):
            place.keep(picture(kind), md5=image.key.digest)
    assert place.blobs_of(content) == [image.key]
    assert place.path_of(image.key).read_bytes() == content
    assert place.row_of(content) == image


def test_forged_md5_of_an_orphan_blob_is_refused_and_leaves_it(place: Workplace) -> None:
    content = picture()
    key = Key(digests_of(content).md5, "png")
    place.store_blob(content, key)
    with pytest.raises(Collision):
        place.keep(picture(), md5=key.digest)
    assert place.path_of(key).read_bytes() == content
    assert place.row_of(content) is None


@pytest.mark.parametrize("has_orphan", [False, True], ids=["its own blob is deleted", "an older blob is kept"])
def test_forgery_refused_by_the_catalog_leaves_no_blob(place: Workplace, *, has_orphan: bool) -> None:
    image = place.keep(content := picture())
    # While the first picture is being removed, `find` does not show it.
    place.catalog.images.bury(image.key, now=1)
    forged = picture("GIF")
    forged_key = Key(image.key.digest, "gif")
    if has_orphan:
        place.store_blob(forged, forged_key)
    with pytest.raises(Collision):
        place.keep(forged, md5=image.key.digest)
    assert place.blobs_of(content) == [*([forged_key] if has_orphan else []), image.key]
    assert place.catalog.images.buried() == [image.key]


@pytest.mark.parametrize("step", ["set_aside", "forget", "drop"])
def test_refused_forgery_does_not_delete_the_blob_of_an_answered_upload(place: Workplace, step: str) -> None:
    image = place.keep(picture())
    forged = picture("GIF")
    place.catalog.images.bury(image.key, now=1)
    promised: list[Image] = []

    def finish_the_removal_and_upload(name: str) -> None:
        if name == step and not promised:
            place.finish_removals()
            promised.append(place.keep(forged, md5=image.key.digest))

    images = SteppedImages(place.catalog, finish_the_removal_and_upload)
    ingest = ingest_of(images, SteppedStore(place.settings, finish_the_removal_and_upload))
    with pytest.raises(Collision):
        asyncio.run(ingest.keep(place.received(forged, md5=image.key.digest), name="", owner=""))
    assert [place.path_of(each.key).read_bytes() for each in promised] == [forged]


def test_upload_during_several_removals_leaves_no_row_without_its_blob(place: Workplace) -> None:
    content = picture()
    key = place.keep(content).key
    place.lose_blob(key)
    removals = iter(range(7))

    def in_between(step: str) -> None:
        if step == "add" and next(removals, None) is not None and place.row_of(content) is not None:
            place.remove(key)

    ingest = ingest_of(SteppedImages(place.catalog, in_between), place.store)
    with suppress(Busy):
        asyncio.run(ingest.keep(place.received(content), name="", owner=""))
    row = place.row_of(content)
    assert place.blobs_of(content) == ([] if row is None else [row.key])


@pytest.mark.parametrize("content", [picture(), b"just text"], ids=["kept", "refused"])
def test_received_file_is_deleted_before_the_answer(place: Workplace, content: bytes) -> None:
    received = place.received(content)
    with suppress(Unsupported):
        image = asyncio.run(place.ingest.keep(received, name="", owner=""))
        assert place.path_of(image.key).read_bytes() == content
    assert received.spooled is not None
    assert list(Path(place.settings.spool_dir).iterdir()) == []


def test_upload_succeeds_though_its_received_file_cannot_be_deleted(place: Workplace) -> None:
    class Stuck(Received):
        def discard(self) -> None:
            raise PermissionError

    content = picture()
    image = asyncio.run(place.ingest.keep(Stuck(partial(place.spooled, content)), name="", owner=""))
    assert place.row_of(content) == image


def test_picture_with_metadata_is_stored_clean_and_the_spool_is_empty(place: Workplace) -> None:
    _, content = PRIVATE["JPEG, turned 6"]
    image = place.keep(content)
    stored = place.path_of(image.key).read_bytes()
    assert (SECRET in content, SECRET in stored) == (True, False)
    assert (image.width, image.height) == SIZE[::-1]
    assert image.key.digest == digests_of(stored).md5
    assert place.keep(content) == place.keep(stored) == image
    assert list(place.settings.spool_dir.iterdir()) == []


class Undecodable:
    """Refuses every picture."""

    async def inspect(self, picture: int, *, owner: str) -> tuple[Accepted, ResultFile]:
        raise Corrupt(kind="picture", reason=f"that of {owner} with {os.fstat(picture).st_size} bytes is not taken")


@pytest.mark.parametrize("content", [PRIVATE["JPEG, turned 6"][1], picture()], ids=["to be cleaned", "clean"])
def test_picture_that_cannot_be_decoded_leaves_nothing(place: Workplace, content: bytes) -> None:
    ingest = Ingest(images=place.catalog.images, store=place.store, decoder=Undecodable())
    with pytest.raises(Corrupt, match="is not taken"):
        asyncio.run(ingest.keep(place.received(content), name="", owner=""))
    assert list(place.settings.spool_dir.iterdir()) == []
    assert list(place.store.keys()) == []


def test_known_picture_is_not_decoded_again(place: Workplace) -> None:
    image = place.keep(content := picture())
    ingest = Ingest(images=place.catalog.images, store=place.store, decoder=Undecodable())
    assert asyncio.run(ingest.keep(place.received(content), name="", owner="")) == image
