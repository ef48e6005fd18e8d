"""Rebuild the catalog's images from the store."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from authsvc.catalog.port import ImageCatalog
from authsvc.errors import AnswerError
from authsvc.imaging.prepare import prepare
from authsvc.model import Image, Key, Spooled
from authsvc.system.durable import digests_of


@dataclass(frozen=True, slots=True)
class Indexed:
    """What became of one blob; `problem` is "" when its row exists now."""

    key: Key
    problem: str


def reindex(keys: Iterator[Key], root: Path, *, images: ImageCatalog) -> Iterator[Indexed]:
    """Record every blob of a filesystem store that the catalog does not know.

    Yields one result for each key. A blob whose bytes do not have the md5 that
    its name says, or that is no picture, is reported and not recorded; nothing
    is ever removed. Blocking; it reads every blob that is not known.
    """
    for key in keys:
        if images.find(key.digest) is not None:
            yield Indexed(key, "")
            continue
        if key in images.buried():
            yield Indexed(key, "it is being removed")
            continue
        path = root / key.path.removeprefix("/")
        try:
            spooled = Spooled(path, path.stat().st_size, digests_of(path))
        except OSError as error:
            # Removed meanwhile, a dangling link, a folder: whatever it is, the rest goes on.
            yield Indexed(key, f"it cannot be read: {error.strerror}")
            continue
        if spooled.digests.md5 != key.digest:
            yield Indexed(key, f"its bytes have the md5 {spooled.digests.md5}")
            continue
        try:
            prepared = prepare(spooled, None)
        except AnswerError as error:
            yield Indexed(key, error.text)
            continue
        image = Image(
            key=key,
            sha256=spooled.digests.sha256,
            size=spooled.size,
            width=prepared.width,
            height=prepared.height,
            name="",
            created_at=int(path.stat().st_mtime),
        )
        images.add(image, spooled.digests).result()
        yield Indexed(key, "")
