"""Actions that tests run in other processes: several at once, under strace, or until one is killed."""

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from authsvc.catalog.migrate import ensure_schema
from authsvc.catalog.opened import Catalog
from authsvc.catalog.sqlite import open_catalog
from authsvc.errors import Collision
from authsvc.model import Image
from authsvc.store.filesystem import FilesystemStore
from tests.support.contract.values import a_blob, a_token, an_image, received_as

ACKNOWLEDGED = "acknowledged"


def add_images(opener: Callable[[], Catalog], images: list[Image]) -> list[Image | Collision]:
    """Add all at once; return what the catalog returns for each."""
    catalog = opener()
    futures = [catalog.images.add(image, received_as(image)) for image in images]
    recorded = [future.result() for future in futures]
    catalog.close()
    return recorded


def change_access(opener: Callable[[], Catalog], name: str, changes: int) -> None:
    """Add as many sites and tokens, one after the other."""
    catalog = opener()
    for number in range(changes):
        catalog.access.add_site(f"{number}.{name}.example", now=1)
        catalog.access.add_token(a_token(f"{name}-{number}"))
    catalog.close()


def make_schema(path: Path) -> None:
    ensure_schema(path)


def put_for_ever(root: Path, spool: Path) -> None:
    """Put new blobs of 4 MiB from four threads until killed."""
    store = FilesystemStore(root, trash=root.with_name("trash"))

    def put() -> None:
        blob = a_blob(os.urandom(4 * 1024 * 1024))
        # A fresh name: what a killed process has left here may be a blob.
        source = spool / blob.key.digest
        source.write_bytes(blob.content)
        store.put(blob.key, source, sha256=blob.sha256)
        source.unlink()

    def put_all(_: int) -> None:
        while True:
            put()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(put_all, range(4)))


def _acknowledge() -> None:
    os.write(1, ACKNOWLEDGED.encode())


def _put_and_set_aside(root: str, source: str) -> None:
    store = FilesystemStore(Path(root), trash=Path(root).with_name("trash"))
    blob = a_blob(Path(source).read_bytes())
    for _ in range(2):
        store.put(blob.key, Path(source), sha256=blob.sha256)
        _acknowledge()
    aside = store.set_aside(blob.key)
    _acknowledge()
    if aside is not None:
        store.put_back(aside, sha256=blob.sha256)
    _acknowledge()


def _write_rows(path: str) -> None:
    catalog = open_catalog(Path(path))
    image = an_image()
    catalog.images.find(image.key.digest)
    _acknowledge()
    catalog.images.add(image, received_as(image)).result()
    _acknowledge()
    catalog.access.add_site("example.com", now=1)
    _acknowledge()
    catalog.close()


if __name__ == "__main__":
    actors: dict[str, Callable[..., None]] = {"put-and-set-aside": _put_and_set_aside, "write-rows": _write_rows}
    actors[sys.argv[1]](*sys.argv[2:])
