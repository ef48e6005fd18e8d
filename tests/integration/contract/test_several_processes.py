"""Processes that share a data folder, and one that is killed."""

import hashlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pytest

from authsvc.catalog.opened import Catalog
from authsvc.store.filesystem import FilesystemStore
from tests.support.contract.actors import add_images, change_access, put_for_ever
from tests.support.contract.values import an_image

SPAWN = get_context("spawn")


@pytest.fixture
def processes() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(3, mp_context=SPAWN) as pool:
        yield pool


@pytest.fixture
def catalog(opener: Callable[[], Catalog]) -> Iterator[Catalog]:
    opened = opener()
    yield opened
    opened.close()


def test_images_added_by_several_processes_are_each_recorded_once(
    processes: ProcessPoolExecutor, opener: Callable[[], Catalog], catalog: Catalog
) -> None:
    shared = [an_image() for _ in range(40)]
    own = [[an_image() for _ in range(40)] for _ in range(3)]
    copies = [
        [an_image(digest=image.key.digest, sha256=image.sha256, name=f"of process {number}") for image in shared]
        for number in range(3)
    ]
    answers = list(
        processes.map(partial(add_images, opener), [copy + more for copy, more in zip(copies, own, strict=True)])
    )
    of_shared = [answer[:40] for answer in answers]
    assert of_shared[0] == of_shared[1] == of_shared[2] == [catalog.images.find(image.key.digest) for image in shared]
    assert [answer[40:] for answer in answers] == own
    assert len(catalog.images.page(after=None, limit=500)) == 40 + 3 * 40


def test_changes_by_several_processes_each_raise_the_revision_and_readers_see_whole_ones(
    processes: ProcessPoolExecutor, opener: Callable[[], Catalog], catalog: Catalog
) -> None:
    before = catalog.access.read()
    names = ["ant", "bee", "cat"]
    working = [processes.submit(change_access, opener, name, 15) for name in names]
    is_done = False
    while not is_done:
        is_done = all(future.done() for future in working)
        seen = catalog.access.read()
        assert len(seen.sites) - len(before.sites) == seen.revision.sites - before.revision.sites
        assert len(seen.tokens) == seen.revision.tokens - before.revision.tokens
    for future in working:
        future.result()
    assert len(seen.tokens) == 45
    assert len(seen.sites) == 45 + len(before.sites)


def test_process_killed_when_a_blob_appears_leaves_only_whole_ones(tmp_path: Path) -> None:
    root, spool = tmp_path / "blobs", tmp_path / "spool"
    FilesystemStore(root, trash=tmp_path / "trash").prepare()
    spool.mkdir()
    for _ in range(5):
        before = _blobs_in(root)
        process = SPAWN.Process(target=put_for_ever, args=(root, spool))
        process.start()
        deadline = time.monotonic() + 60
        # Without a pause: the newest blob shall be as young as can be.
        while len(_blobs_in(root)) < len(before) + 3:
            assert time.monotonic() < deadline
        process.kill()
        process.join()
        process.close()
    for path in _blobs_in(root):
        assert hashlib.md5(path.read_bytes()).hexdigest() == path.parent.name + path.stem


def _blobs_in(root: Path) -> list[Path]:
    return list(root.glob("*/*"))
