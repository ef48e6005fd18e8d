"""Remove pictures.

The order: put a tombstone on the row, set the blob aside, delete the sizes,
delete the row, delete the blob.
"""

import time
from functools import partial

from authsvc.catalog.port import ImageCatalog
from authsvc.errors import NoSuchObject
from authsvc.model import Key
from authsvc.sizes.cache import SizeCache
from authsvc.store.port import Aside, BlobStore
from authsvc.trash import settle


def remove(key: Key, *, images: ImageCatalog, store: BlobStore, sizes: SizeCache) -> bool:
    """Remove the picture and its sizes for good. Blocking.

    Returns False if an upload has recorded the picture again meanwhile, so that
    it is kept. Raises NoSuchObject if there is no such picture. After a crash,
    `finish_removals` continues from the tombstone, or from the blob set aside.
    """
    take_away = partial(_take_away, store=store, sizes=sizes)
    is_recorded = images.bury(key, now=int(time.time()))
    aside = take_away(key)
    if not is_recorded and aside is None:
        raise NoSuchObject(reason=f"there is no picture {key}; `authsvc image list` shows them")
    return settle(key, [aside], images=images, store=store, set_aside=take_away)


def finish_removals(*, images: ImageCatalog, store: BlobStore, sizes: SizeCache) -> int:
    """Finish the removals that a crash has interrupted; return how many pictures that removes."""
    left: dict[Key, list[Aside | None]] = {key: [] for key in images.buried()}
    for each in store.aside():
        left.setdefault(each.key, []).append(each)
    take_away = partial(_take_away, store=store, sizes=sizes)
    removed = 0
    for key, aside in left.items():
        image = images.find(key.digest)
        if image is None or image.key != key:
            # There is no row, so a blob that the crash left or put back must not be served.
            aside.append(take_away(key))
        removed += settle(key, aside, images=images, store=store, set_aside=take_away)
    return removed


def _take_away(key: Key, *, store: BlobStore, sizes: SizeCache) -> Aside | None:
    """Set the blob aside, then delete its sizes: a process that has made a size checks whether the blob exists."""
    aside = store.set_aside(key)
    sizes.remove(key)
    return aside
