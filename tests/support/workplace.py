"""A data folder with its back ends open, and uploads for it."""

import asyncio
import mmap
import os
import shutil
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from authsvc.catalog.opened import Catalog
from authsvc.catalog.port import ImageCatalog
from authsvc.catalog.sqlite import open_catalog
from authsvc.data_folder import make_folders
from authsvc.errors import Unsupported
from authsvc.imaging.decoder.answer import Accepted
from authsvc.imaging.decoder.result_file import ResultFile
from authsvc.imaging.formats import HEAD_BYTES, sniff
from authsvc.imaging.inspection import inspect
from authsvc.imaging.pieces import contents
from authsvc.library.remove import finish_removals, remove
from authsvc.model import Digests, Image, Key, Spooled
from authsvc.settings import Settings, load
from authsvc.sizes.cache import SizeCache
from authsvc.store.filesystem import FilesystemStore
from authsvc.store.port import BlobStore
from authsvc.uploads.pipeline import Ingest
from tests.support.contract.values import digests_of
from tests.support.limits import USUAL

LIMITS = replace(USUAL, max_side=1000, max_pixels=100_000)


@dataclass(slots=True)
class Received:
    """An upload whose file is made by its first `finish`."""

    make: Callable[[], Spooled]
    spooled: Spooled | None = None

    def complete(self) -> Spooled:
        self.spooled = self.spooled or self.make()
        return self.spooled

    def replace(self, content: Iterable[bytes]) -> Spooled:
        assert self.spooled is not None
        whole = b"".join(content)
        self.spooled.path.write_bytes(whole)
        return Spooled(self.spooled.path, len(whole), digests_of(whole))

    def discard(self) -> None:
        if self.spooled is not None:
            self.spooled.path.unlink(missing_ok=True)


class Undecoded:
    """Inspects pictures in this process and decodes none, for tests of everything except the worker."""

    async def inspect(self, picture: int, *, owner: str) -> tuple[Accepted, ResultFile]:
        assert isinstance(owner, str)
        with mmap.mmap(picture, 0, prot=mmap.PROT_READ) as data:
            kind = sniff(data[:HEAD_BYTES])
            if kind is None:
                raise Unsupported
            found = inspect(data, kind, LIMITS, strips=True)
            result = ResultFile()
            if found.pieces == [range(len(data))]:
                return Accepted(kind, found.width, found.height, None), result
            size = os.write(result.descriptor, b"".join(contents(data, found.pieces)))
            return Accepted(kind, found.width, found.height, size), result


def ingest_of(images: ImageCatalog, store: BlobStore) -> Ingest:
    """Return an ingest that cleans pictures and decodes none, with small limits."""
    return Ingest(images=images, store=store, decoder=Undecoded())


@dataclass(frozen=True, slots=True)
class Workplace:
    settings: Settings
    catalog: Catalog
    store: FilesystemStore

    @property
    def sizes(self) -> SizeCache:
        return SizeCache(
            self.settings.sizes_dir,
            group_of=self.settings.run_dir,
            max_bytes=self.settings.size_cache_max_bytes,
        )

    @property
    def ingest(self) -> Ingest:
        return ingest_of(self.catalog.images, self.store)

    def received(self, content: bytes, *, md5: str | None = None) -> Received:
        """Return an upload; with `md5` one that is forged to have it."""
        return Received(partial(self.spooled, content, md5=md5))

    def spooled(self, content: bytes, *, md5: str | None = None) -> Spooled:
        """Write an upload's file; with `md5` it claims to have it."""
        path = self.settings.spool_dir / f"{uuid.uuid4().hex}.part"
        path.write_bytes(content)
        digests = digests_of(content)
        return Spooled(path, len(content), Digests(md5 or digests.md5, digests.sha256))

    def keep(self, content: bytes, *, name: str = "", md5: str | None = None) -> Image:
        """Upload a picture from beginning to end."""
        return asyncio.run(self.ingest.keep(self.received(content, md5=md5), name=name, owner="owner"))

    def store_blob(self, content: bytes, key: Key) -> None:
        """Put a blob into the store alone, as a crash or a move leaves one."""
        self.path_of(key).write_bytes(content)

    def remove(self, key: Key) -> bool:
        """Remove a picture from beginning to end."""
        return remove(key, images=self.catalog.images, store=self.store, sizes=self.sizes)

    def finish_removals(self) -> int:
        """Do what the next start of the service does."""
        return finish_removals(images=self.catalog.images, store=self.store, sizes=self.sizes)

    def lose_blob(self, key: Key) -> None:
        """Delete a blob alone, as a damaged disk does."""
        self.path_of(key).unlink()

    def path_of(self, key: Key) -> Path:
        return self.settings.blobs_dir / key.path.removeprefix("/")

    def blobs_of(self, content: bytes) -> list[Key]:
        """Return the blobs that claim to be these bytes, with any extension."""
        return list(self.store.keys(digests_of(content).md5))

    def row_of(self, content: bytes) -> Image | None:
        return self.catalog.images.find(digests_of(content).md5)


def settings_in(data_dir: Path, **flags: object) -> Settings:
    return load(flags={"data_dir": data_dir, **flags}).settings


def open_workplace(data_dir: Path, new_catalog: Path) -> Workplace:
    """Make a data folder whose catalog is a copy of `new_catalog`, and open it."""
    settings = settings_in(data_dir)
    make_folders(settings)
    store_of(settings).prepare()
    shutil.copy(new_catalog, settings.catalog_path)
    return reopened(settings)


def reopened(settings: Settings) -> Workplace:
    return Workplace(settings, open_catalog(settings.catalog_path), store_of(settings))


def store_of(settings: Settings) -> FilesystemStore:
    return FilesystemStore(settings.blobs_dir, trash=settings.trash_dir)
