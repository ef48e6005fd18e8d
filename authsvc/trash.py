"""Decide what happens to a blob that was set aside: it is deleted or put back, depending on the catalog.

Every removal of a blob first sets the blob aside and then reads the catalog.
It deletes the blob only if the catalog had no row for it at that time, or if
the blob is in its place again. An upload checks for its blob after its row was
written, and stores it again if it is missing. So the blob of a recorded picture
is always in its place or in the trash, even if several processes work at the same
time or one of them stops at any point. A blob that is in the trash after a crash is
put back or deleted at the next start. docs/architecture.md explains the order in full.
"""

from collections.abc import Callable, Iterable

from authsvc.catalog.port import ImageCatalog
from authsvc.errors import Collision
from authsvc.model import Image, Key
from authsvc.store.port import Aside, BlobStore

SetAside = Callable[[Key], Aside | None]


def discard(key: Key, *, images: ImageCatalog, store: BlobStore) -> bool:
    """Delete a blob without a row. Returns False if the catalog has a row for it now, so that the blob is kept."""
    return settle(key, [store.set_aside(key)], images=images, store=store, set_aside=store.set_aside)


def settle(
    key: Key, aside: Iterable[Aside | None], *, images: ImageCatalog, store: BlobStore, set_aside: SetAside
) -> bool:
    """Delete the image's row if it still has a tombstone; then delete what is in the trash, or put it back. Blocking.

    `set_aside` is called if another blob was stored under the key meanwhile.
    Returns whether the image is removed; False if an upload has recorded it
    again. Several processes may call this for the same key at the same time.
    """
    found = [each for each in aside if each is not None]
    while (image := images.forget(key)) is not None:
        # Read again: another removal may have run before the blob was put back, and did not see it.
        if _put_back(found, image, store) and images.find(key.digest) == image:
            break
        found += filter(None, [set_aside(key)])
    for each in found:
        store.drop(each)
    return image is None


def _put_back(aside: Iterable[Aside], image: Image, store: BlobStore) -> bool:
    """Put the image's bytes back; return False when other bytes are in their place."""
    try:
        for each in aside:
            store.put_back(each, sha256=image.sha256)
    except Collision:
        # A file with the same md5 was stored while the blob was aside. The catalog refuses its upload.
        return False
    return True
