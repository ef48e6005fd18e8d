"""The real back ends, stopping before each of their steps.

`gate` is called with the name of the next step; what it does happens between
two steps of the upload or removal that uses these back ends.
"""

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future

from authsvc.catalog.images import SqlImageCatalog
from authsvc.catalog.opened import Catalog
from authsvc.errors import Collision
from authsvc.model import Digests, Image, Key
from authsvc.settings import Settings
from authsvc.store.filesystem import FilesystemStore
from authsvc.store.port import Aside, BlobStat, Put

Gate = Callable[[str], None]


class SteppedImages(SqlImageCatalog):
    def __init__(self, catalog: Catalog, gate: Gate) -> None:
        super().__init__(catalog._engine, catalog._writer)
        self._gate = gate

    def add(self, image: Image, received: Digests) -> Future[Image | Collision]:
        self._gate("add")
        return super().add(image, received)

    def find(self, digest: str) -> Image | None:
        self._gate("find")
        return super().find(digest)

    def find_all_received(self, sha256s: Collection[str]) -> dict[str, Image]:
        self._gate("find_received")
        return super().find_all_received(sha256s)

    def bury(self, key: Key, *, now: int) -> bool:
        self._gate("bury")
        return super().bury(key, now=now)

    def forget(self, key: Key) -> Image | None:
        self._gate("forget")
        return super().forget(key)


class SteppedStore(FilesystemStore):
    def __init__(self, settings: Settings, gate: Gate) -> None:
        super().__init__(settings.blobs_dir, trash=settings.trash_dir)
        self._gate = gate

    def put_all(self, puts: Sequence[Put]) -> list[bool | Exception]:
        self._gate("put")
        return super().put_all(puts)

    def stat(self, key: Key) -> BlobStat | None:
        self._gate("stat")
        return super().stat(key)

    def set_aside(self, key: Key) -> Aside | None:
        self._gate("set_aside")
        return super().set_aside(key)

    def put_back(self, aside: Aside, *, sha256: str) -> None:
        self._gate("put_back")
        super().put_back(aside, sha256=sha256)

    def drop(self, aside: Aside) -> None:
        self._gate("drop")
        super().drop(aside)
