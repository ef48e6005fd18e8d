"""The real back ends, stopping before each of their steps.

`gate` is called with the name of the step that comes next; what it does there
is done in between two steps of whoever uses these back ends. There is no gate
before a deletion, which may be done while the catalog is locked.
"""

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from pathlib import Path

from authsvc.catalog.images import SqlImageCatalog
from authsvc.catalog.sql import Catalog
from authsvc.errors import Collision
from authsvc.model import Digests, Image, Key
from authsvc.store.filesystem import FilesystemStore
from authsvc.store.port import BlobStat, Put

Gate = Callable[[str], None]


class SteppedImages(SqlImageCatalog):
    def __init__(self, catalog: Catalog, gate: Gate) -> None:
        super().__init__(catalog._engine, catalog._writer)
        self._gate = gate

    def add_all(self, entries: Sequence[tuple[Image, Digests]]) -> Future[list[Image | Collision]]:
        self._gate("add")
        return super().add_all(entries)

    def find_all(self, digests: Collection[str]) -> dict[str, Image]:
        self._gate("find")
        return super().find_all(digests)

    def find_all_received(self, sha256s: Collection[str]) -> dict[str, Image]:
        self._gate("find_received")
        return super().find_all_received(sha256s)

    def bury(self, key: Key, *, now: int) -> bool:
        self._gate("bury")
        return super().bury(key, now=now)

    def finish_removal(self, key: Key, delete_blob: Callable[[], object]) -> bool:
        self._gate("finish_removal")
        return super().finish_removal(key, delete_blob)


class SteppedStore(FilesystemStore):
    def __init__(self, root: Path, gate: Gate) -> None:
        super().__init__(root)
        self._gate = gate

    def put_all(self, puts: Sequence[Put]) -> list[bool | Exception]:
        self._gate("put")
        return super().put_all(puts)

    def stat(self, key: Key) -> BlobStat | None:
        self._gate("stat")
        return super().stat(key)
