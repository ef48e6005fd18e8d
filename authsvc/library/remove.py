"""Remove pictures: tombstone, then blob and sizes, then row."""

import time
from functools import partial

from authsvc.catalog.port import ImageCatalog
from authsvc.errors import NoSuchObject
from authsvc.model import Key
from authsvc.sizes.cache import SizeCache
from authsvc.store.port import BlobStore


def remove(key: Key, *, images: ImageCatalog, store: BlobStore, sizes: SizeCache) -> bool:
    """Remove the picture and its sizes for good. Blocking.

    Returns False when somebody has uploaded it again meanwhile, so that it
    stays. Raises NoSuchObject when there is no such picture. A crash in between
    leaves a tombstone, from which `finish_removals` goes on.
    """
    delete_blob = partial(_delete, key, store, sizes)
    if not images.bury(key, now=int(time.time())):
        # A crash or a locked catalog may have left a blob without a row.
        if store.stat(key) is not None and images.discard(key, delete_blob):
            return True
        raise NoSuchObject(reason=f"there is no picture {key}; `authsvc image list` shows them")
    # Another removal may have finished it first.
    return images.finish_removal(key, delete_blob) or images.find(key.digest) is None


def finish_removals(*, images: ImageCatalog, store: BlobStore, sizes: SizeCache) -> int:
    """Finish what a crash has interrupted; returns how many pictures went."""
    return sum(images.finish_removal(key, partial(_delete, key, store, sizes)) for key in images.buried())


def _delete(key: Key, store: BlobStore, sizes: SizeCache) -> None:
    """Delete a picture. The blob goes first: whoever has just made a size looks for it."""
    store.delete(key)
    sizes.remove(key)
