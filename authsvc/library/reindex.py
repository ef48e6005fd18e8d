"""Rebuild the catalog's images from the store."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from authsvc.catalog.port import ImageCatalog
from authsvc.errors import AnswerError, Collision
from authsvc.imaging.inspection import read_header
from authsvc.model import Image, Key, Spooled
from authsvc.store.port import BlobStore
from authsvc.system.durable import digests_of


@dataclass(frozen=True, slots=True)
class Indexed:
    """The result for one blob; `problem` is "" when its row exists now."""

    key: Key
    problem: str


def reindex(keys: Iterator[Key], *, images: ImageCatalog, store: BlobStore) -> Iterator[Indexed]:
    """Record every blob that the catalog does not know.

    Yields one result for each key. A blob whose bytes do not have the md5 in
    its name, or that is not a picture, is reported and not recorded. Nothing
    is ever removed. Blocking; it reads every unknown blob.
    """
    for key in keys:
        yield Indexed(key, _record(key, images, store))


def _record(key: Key, images: ImageCatalog, store: BlobStore) -> str:
    """Record one blob; return the problem, "" for none."""
    if images.find(key.digest) is not None:
        return ""
    if key in images.buried():
        return "it is being removed"
    try:
        with store.as_file(key) as path:
            return _record_file(key, path, images, store)
    except OSError as error:
        # Removed meanwhile, a broken link, a folder: go on with the other blobs.
        return f"it cannot be read: {error.strerror}"
    except AnswerError as error:
        return error.text


def _record_file(key: Key, path: Path, images: ImageCatalog, store: BlobStore) -> str:
    found = store.stat(key)
    if found is None:
        return "it was removed meanwhile"
    blob = Spooled(path, found.size, digests_of(path))
    if blob.digests.md5 != key.digest:
        return f"its bytes have the md5 {blob.digests.md5}"
    width, height = read_header(path)
    image = Image(
        key=key,
        sha256=blob.digests.sha256,
        size=blob.size,
        width=width,
        height=height,
        name="",
        created_at=found.stored_at,
    )
    recorded = images.add(image, blob.digests).result()
    return recorded.text if isinstance(recorded, Collision) else ""
