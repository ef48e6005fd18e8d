"""An upload and a removal of the same picture, in every order of their steps."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations_with_replacement
from pathlib import Path

import pytest

from authsvc.model import Image, Key
from authsvc.store.port import Aside
from authsvc.trash import settle
from tests.support.contract.values import digests_of, some_digests
from tests.support.pictures import picture
from tests.support.stepped import SteppedImages, SteppedStore
from tests.support.workplace import Workplace, ingest_of, open_workplace

LATEST_STEP = 8
"""An upload has four or five steps; one that lost its blob to the removal starts again."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, new_catalog: Path) -> Iterator[Workplace]:
    """One data folder for all orders; each order has its own picture."""
    made = open_workplace(tmp_path_factory.mktemp("orders") / "data", new_catalog)
    yield made
    made.catalog.close()


@dataclass
class _Removal:
    """`remove` in its three steps, each before a given step of the upload."""

    place: Workplace
    key: Key
    bury_before: int
    set_aside_before: int
    settle_before: int
    step: int = 0
    is_begun: bool = False
    """Whether there was something to remove."""
    aside: list[Aside | None] = field(default_factory=list)
    is_done: bool | None = field(default=None)

    def go_on(self, _: str = "") -> None:
        images, store = self.place.catalog.images, self.place.store
        if self.step == self.bury_before:
            self.is_begun = images.bury(self.key, now=1)
        if self.step == self.set_aside_before and self.is_begun:
            self.aside = [store.set_aside(self.key)]
        if self.step == self.settle_before and self.is_begun:
            self.is_done = settle(self.key, self.aside, images=images, store=store, set_aside=store.set_aside)
        self.step += 1


def _nothing(_: Workplace, __: bytes) -> None:
    pass


def _stored(place: Workplace, content: bytes) -> None:
    place.keep(content)


def _stored_from_another_file(place: Workplace, content: bytes) -> None:
    key = Key(digests_of(content).md5, "jpg")
    image = Image(key, digests_of(content).sha256, len(content), 64, 48, "", 1)
    place.store_blob(content, key)
    place.catalog.images.add(image, some_digests()).result()


def _moved_in_as_jpeg(place: Workplace, content: bytes) -> None:
    digests = digests_of(content)
    key = Key(digests.md5, "jpeg")
    place.store_blob(content, key)
    place.catalog.images.add(Image(key, digests.sha256, len(content), 64, 48, "", 1), digests).result()


def _blob_without_row(place: Workplace, content: bytes) -> None:
    place.store_blob(content, Key(digests_of(content).md5, "jpg"))


def _row_without_blob(place: Workplace, content: bytes) -> None:
    place.lose_blob(place.keep(content).key)


def _buried(place: Workplace, content: bytes) -> None:
    place.catalog.images.bury(place.keep(content).key, now=1)


def _buried_and_aside(place: Workplace, content: bytes) -> None:
    _buried(place, content)
    place.store.set_aside(place.blobs_of(content)[0])


def _recorded_but_aside(place: Workplace, content: bytes) -> None:
    place.store.set_aside(place.keep(content).key)


STATES: dict[str, Callable[[Workplace, bytes], None]] = {
    "a new picture": _nothing,
    "a stored picture": _stored,
    "a picture stored from another file": _stored_from_another_file,
    "a picture that moved in as jpeg": _moved_in_as_jpeg,
    "a blob without a row": _blob_without_row,
    "a row whose blob is lost": _row_without_blob,
    "a removal interrupted before its blob": _buried,
    "a removal interrupted after its blob": _buried_and_aside,
    "a removal interrupted before it puts the blob back": _recorded_but_aside,
}


@pytest.mark.parametrize("bury_before", range(LATEST_STEP), ids=lambda step: f"buried before step {step}")
@pytest.mark.parametrize("prepare", STATES.values(), ids=STATES.keys())
def test_every_order_ends_with_picture_and_row_or_with_neither(
    shared: Workplace, prepare: Callable[[Workplace, bytes], None], bury_before: int
) -> None:
    extension = "jpeg" if prepare is _moved_in_as_jpeg else "jpg"
    for later in combinations_with_replacement(range(bury_before, LATEST_STEP), 2):
        content = picture("JPEG")
        prepare(shared, content)
        removal = _Removal(shared, Key(digests_of(content).md5, extension), bury_before, *later)
        images = SteppedImages(shared.catalog, removal.go_on)
        ingest = ingest_of(images, SteppedStore(shared.settings, removal.go_on))
        image = asyncio.run(ingest.keep(shared.received(content), name="", owner=""))
        order = f"set aside and settled before the steps {later}"
        is_removed_before_the_answer = removal.is_done is True
        if not removal.is_begun or removal.is_done is not None:
            assert shared.blobs_of(content) == [image.key], order
        while removal.step < LATEST_STEP:
            removal.go_on()

        row, blobs = shared.row_of(content), shared.blobs_of(content)
        assert (row is None) == (blobs == []), order
        if row is not None:
            assert blobs == [row.key], order
            assert image.key == row.key, order
        # Only a removal that ends after the answer may remove the picture.
        if not removal.is_done or is_removed_before_the_answer or bury_before == 0:
            assert row is not None, order
        shared.finish_removals()
        assert (shared.row_of(content), shared.blobs_of(content)) == (row, blobs), order
        assert list(shared.store.aside()) == [], order
