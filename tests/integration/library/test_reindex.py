from collections.abc import Iterator

import pytest

from authsvc.library.reindex import Indexed, reindex
from authsvc.model import Key
from tests.support.contract.values import digests_of
from tests.support.pictures import FORMATS, picture
from tests.support.workplace import LIMITS, Workplace


def _reindex(place: Workplace, keys: Iterator[Key] | None = None) -> list[Indexed]:
    found = place.store.keys() if keys is None else keys
    return list(reindex(found, images=place.catalog.images, store=place.store))


def _orphan(place: Workplace, content: bytes, extension: str = "png") -> Key:
    key = Key(digests_of(content).md5, extension)
    place.store_blob(content, key)
    return key


@pytest.mark.parametrize(("kind", "extension"), [*FORMATS.items(), ("JPEG", "jpeg")], ids=[*FORMATS.values(), "jpeg"])
def test_blob_without_a_row_gets_one_and_keeps_its_key(place: Workplace, kind: str, extension: str) -> None:
    content = picture(kind, (40, 30))
    key = _orphan(place, content, extension)
    assert _reindex(place) == [Indexed(key, "")]
    row = place.row_of(content)
    assert row is not None
    assert (row.key, row.sha256, row.size) == (key, digests_of(content).sha256, len(content))
    assert (row.width, row.height, row.name) == (40, 30, "")
    assert row.created_at == int(place.path_of(key).stat().st_mtime)


def test_reindexed_blob_is_found_by_the_next_upload(place: Workplace) -> None:
    content = picture("JPEG")
    key = _orphan(place, content, "jpeg")
    _reindex(place)
    assert place.keep(content).key == key
    assert place.blobs_of(content) == [key]


def test_blob_beyond_the_current_limits_is_recorded_and_keeps_its_address(place: Workplace) -> None:
    content = picture(size=(LIMITS.max_side + 1, 2))
    key = _orphan(place, content)
    assert _reindex(place) == [Indexed(key, "")]
    assert place.keep(content).key == key


def test_known_blob_keeps_its_row(place: Workplace) -> None:
    content = picture()
    image = place.keep(content, name="mine.png")
    assert _reindex(place) == [Indexed(image.key, "")]
    assert place.row_of(content) == image


def test_lost_catalog_is_rebuilt_from_the_store(place: Workplace) -> None:
    contents = [picture(kind) for kind in FORMATS for _ in range(3)]
    before = {place.keep(content).key for content in contents}
    for key in before:
        place.catalog.images.bury(key, now=1)
        place.catalog.images.forget(key)
    assert {result.key for result in _reindex(place) if not result.problem} == before
    assert {image.key for image in place.catalog.images.page(after=None, limit=50)} == before


def test_blobs_that_cannot_be_recorded_are_reported_and_kept(place: Workplace) -> None:
    good = _orphan(place, picture())
    text = _orphan(place, b"not a picture")
    renamed = Key(digests_of(b"what it was").md5, "png")
    place.store_blob(content := picture(), renamed)
    problems = {result.key: result.problem for result in _reindex(place)}
    assert problems[good] == ""
    assert "not a JPEG, PNG" in problems[text]
    assert digests_of(content).md5 in problems[renamed]
    assert set(place.store.keys()) == {good, text, renamed}
    assert [image.key for image in place.catalog.images.page(after=None, limit=9)] == [good]


def test_blob_removed_meanwhile_does_not_stop_the_others(place: Workplace) -> None:
    removed, kept = sorted(_orphan(place, picture()) for _ in range(2))

    def keys() -> Iterator[Key]:
        place.lose_blob(removed)
        yield removed
        yield kept

    results = _reindex(place, keys())
    assert Indexed(kept, "") in results
    assert place.catalog.images.find(kept.digest) is not None
    assert place.catalog.images.find(removed.digest) is None


def test_picture_that_is_being_removed_is_not_recorded(place: Workplace) -> None:
    content = picture()
    image = place.keep(content)
    place.catalog.images.bury(image.key, now=1)
    _reindex(place)
    assert place.catalog.images.buried() == [image.key]
    assert place.finish_removals() == 1
    assert place.blobs_of(content) == []


def test_picture_uploaded_meanwhile_keeps_its_row(place: Workplace) -> None:
    content = picture()

    def keys() -> Iterator[Key]:
        yield place.keep(content, name="meanwhile.png").key

    _reindex(place, keys())
    row = place.row_of(content)
    assert row is not None
    assert row.name == "meanwhile.png"


def test_reindexed_picture_can_be_removed(place: Workplace) -> None:
    key = _orphan(place, content := picture())
    _reindex(place)
    assert place.remove(key) is True
    assert place.blobs_of(content) == []
