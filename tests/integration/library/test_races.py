"""Uploads and removals of the same picture by several processes at once."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from authsvc.errors import NoSuchObject
from authsvc.library.remove import finish_removals, remove
from authsvc.model import Image, Key
from tests.support.actors import remove_often, upload_until
from tests.support.contract.values import digests_of
from tests.support.pictures import picture
from tests.support.stepped import Gate, SteppedImages, SteppedStore
from tests.support.turns import Turns
from tests.support.workplace import Workplace, ingest_of, open_workplace


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, new_catalog: Path) -> Iterator[Workplace]:
    """One data folder for all orders; each order has its own picture."""
    made = open_workplace(tmp_path_factory.mktemp("orders") / "data", new_catalog)
    yield made
    made.catalog.close()


def _upload(place: Workplace, content: bytes, gate: Gate) -> Image:
    ingest = ingest_of(SteppedImages(place.catalog, gate), SteppedStore(place.settings, gate))
    return asyncio.run(ingest.keep(place.received(content), name="", owner=""))


def _remove(place: Workplace, content: bytes, gate: Gate) -> bool:
    key = Key(digests_of(content).md5, "png")
    images, store = SteppedImages(place.catalog, gate), SteppedStore(place.settings, gate)
    return remove(key, images=images, store=store, sizes=place.sizes)


def _start(place: Workplace, gate: Gate) -> int:
    images, store = SteppedImages(place.catalog, gate), SteppedStore(place.settings, gate)
    return finish_removals(images=images, store=store, sizes=place.sizes)


@pytest.mark.parametrize("seed", range(120), ids=lambda seed: f"order {seed}")
def test_uploads_and_removals_in_any_order_leave_picture_and_row_or_neither(shared: Workplace, seed: int) -> None:
    content = picture()
    actors = {
        "one upload": lambda gate: _upload(shared, content, gate),
        "another upload": lambda gate: _upload(shared, content, gate),
        "one removal": lambda gate: _remove(shared, content, gate),
        "another removal": lambda gate: _remove(shared, content, gate),
    }
    if seed % 2:
        # A service starts while commands remove.
        actors["a start"] = lambda gate: bool(_start(shared, gate))
    results = Turns(seed).run(actors)
    for upload in ("one upload", "another upload"):
        assert isinstance(results[upload], Image), results[upload]
    for removal in ("one removal", "another removal"):
        assert isinstance(results[removal], (bool, NoSuchObject)), results[removal]
    row = shared.row_of(content)
    assert shared.blobs_of(content) == ([] if row is None else [row.key])
    assert list(shared.store.aside()) == []
    if True not in (results["one removal"], results["another removal"]):
        assert row is not None


def test_two_processes_uploading_and_removing_never_lose_an_answered_picture(place: Workplace, tmp_path: Path) -> None:
    contents = [picture() for _ in range(3)]
    stop, data_dir = tmp_path / "stop", place.settings.data_dir
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        uploading = processes.submit(upload_until, stop, data_dir, contents)
        removing = processes.submit(remove_often, stop, data_dir, contents, 80)
        try:
            assert uploading.result() >= 80
            removing.result()
        finally:
            stop.touch()
    for content in contents:
        row = place.row_of(content)
        assert place.blobs_of(content) == ([] if row is None else [row.key])
        # No removal runs any more, so this one has to be there afterwards.
        assert place.path_of(place.keep(content).key).read_bytes() == content
    assert list(place.store.aside()) == []
