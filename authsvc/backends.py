"""Choose and open the back ends. This is the only module that names concrete ones."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from authsvc.catalog.migrate import ensure_schema
from authsvc.catalog.opened import Catalog
from authsvc.catalog.sqlite import open_catalog
from authsvc.data_folder import make_folders
from authsvc.errors import Broken
from authsvc.settings import Settings
from authsvc.sizes.cache import SizeCache
from authsvc.store.filesystem import FilesystemStore
from authsvc.store.port import BlobStore


@dataclass(frozen=True, slots=True)
class Backends:
    """The open catalog, store and cache of sizes of one data folder."""

    catalog: Catalog
    store: BlobStore
    sizes: SizeCache


def prepare_data_dir(settings: Settings) -> bool:
    """Create missing folders and the catalog. Returns whether the data folder is new.

    Safe to repeat. Raises Broken when a folder cannot be written, or when the
    catalog cannot be upgraded.
    """
    is_new = not settings.catalog_path.exists()
    try:
        make_folders(settings)
        open_store(settings).prepare()
        ensure_schema(settings.catalog_path)
    except OSError as error:
        raise Broken(
            reason=f"{error.filename or settings.data_dir}: {error.strerror}; "
            f"choose another --data-dir, or make this one writable for user {os.geteuid()}"
        ) from error
    return is_new


@contextmanager
def opened(settings: Settings) -> Iterator[Backends]:
    """Open the back ends until the end of a context; see `open_backends`."""
    backends = open_backends(settings)
    try:
        yield backends
    finally:
        backends.catalog.close()


def open_backends(settings: Settings) -> Backends:
    """Open what `prepare_data_dir` has created. Close the catalog at the end.

    Raises Broken when the data folder has no catalog.
    """
    if not settings.catalog_path.exists():
        raise Broken(
            reason=f"{str(settings.data_dir)!r} is not a data folder of authsvc; "
            "name the right one with --data-dir, or create one: authsvc init"
        )
    ensure_schema(settings.catalog_path)
    sizes = SizeCache(settings.sizes_dir, group_of=settings.run_dir, max_bytes=settings.size_cache_max_bytes)
    return Backends(open_catalog(settings.catalog_path), open_store(settings), sizes)


def open_store(settings: Settings) -> BlobStore:
    """Open the store alone, whether or not `prepare_data_dir` has made it."""
    return FilesystemStore(settings.blobs_dir, trash=settings.trash_dir)
