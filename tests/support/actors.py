"""Actions that tests run in other processes: several at once, or until one is killed."""

import asyncio
import os
import signal
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from authsvc.access.site_list_file import publish_sites
from authsvc.library.remove import remove
from authsvc.model import Image
from authsvc.uploads.pipeline import Ingest
from tests.support.contract.values import digests_of
from tests.support.stepped import SteppedImages, SteppedStore
from tests.support.workplace import ingest_of, reopened, settings_in


def _kill_this_process(_: object = None) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def upload_and_die_before_the_row(data_dir: Path, content: bytes) -> None:
    place = reopened(settings_in(data_dir))

    def gate(step: str) -> None:
        if step == "add":
            _kill_this_process()

    ingest = ingest_of(SteppedImages(place.catalog, gate), place.store)
    asyncio.run(ingest.keep(place.received(content), name="", owner=""))


def remove_and_die(data_dir: Path, content: bytes, *, before: str) -> None:
    """Remove the picture, and die before this step of the store or the catalog."""
    place = reopened(settings_in(data_dir))

    def gate(step: str) -> None:
        if step == before:
            _kill_this_process()

    (key,) = place.blobs_of(content)
    remove(key, images=SteppedImages(place.catalog, gate), store=SteppedStore(place.settings, gate), sizes=place.sizes)


def upload_until(stop: Path, data_dir: Path, contents: Sequence[bytes]) -> int:
    """Upload the pictures, four times each at once, again and again until the
    file `stop` appears. Return how many uploads were answered."""
    place = reopened(settings_in(data_dir))

    async def one(ingest: Ingest, content: bytes) -> Image:
        return await ingest.keep(place.received(content), name="", owner="")

    async def a_round() -> int:
        ingest = place.ingest
        return len(await asyncio.gather(*(one(ingest, content) for content in contents for _ in range(4))))

    answers = 0
    while not stop.exists():
        answers += asyncio.run(a_round())
    place.catalog.close()
    return answers


def remove_often(stop: Path, data_dir: Path, contents: Sequence[bytes], times: int) -> None:
    """Remove whichever of the pictures are there, until so many went; then make `stop`."""
    place = reopened(settings_in(data_dir))
    gone = 0
    try:
        while gone < times and not stop.exists():
            for content in contents:
                image = place.catalog.images.find(digests_of(content).md5)
                if image is not None:
                    gone += place.remove(image.key)
    finally:
        stop.touch()
        place.catalog.close()


def change_sites_and_publish(data_dir: Path, name: str, changes: int) -> list[int]:
    """Add sites, publishing each; return the revisions published."""
    place = reopened(settings_in(data_dir))
    publish = partial(publish_sites, place.catalog.access, place.settings)
    published = []
    for number in range(changes):
        place.catalog.access.add_site(f"{number}.{name}.example", now=1)
        published.append(publish().revision)
    place.catalog.close()
    return published
