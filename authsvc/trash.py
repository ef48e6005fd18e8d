"""Decide what becomes of a blob that was set aside: it is put back or deleted, as the catalog says.

Whoever removes a blob sets it aside first, and asks the catalog afterwards. A
blob is deleted only after the catalog was seen without its row, or when the
blob is in its place again. An upload looks for its blob after its row is
written, and stores it again when it is missing. So whatever processes do at
the same time, and wherever one of them stops or dies: the blob of a recorded
picture is in its place, or aside until the next start puts it back.
"""

from collections.abc import Callable, Iterable

from authsvc.catalog.port import ImageCatalog
from authsvc.errors import Collision
from authsvc.model import Image, Key
from authsvc.store.port import Aside, BlobStore

SetAside = Callable[[Key], Aside | None]


def discard(key: Key, *, images: ImageCatalog, store: BlobStore) -> bool:
    """Delete a blob that has no row. Returns False when the catalog has one by now, so that the blob is kept."""
    return settle(key, [store.set_aside(key)], images=images, store=store, set_aside=store.set_aside)


def settle(
    key: Key, aside: Iterable[Aside | None], *, images: ImageCatalog, store: BlobStore, set_aside: SetAside
) -> bool:
    """Forget the image if its tombstone still stands; then delete what is aside, or put it back. Blocking.

    `set_aside` is called when something else came into the blob's place
    meanwhile. Returns whether the image is removed; False when an upload has
    recorded it again. Another process may do the same at the same time.
    """
    found = [each for each in aside if each is not None]
    while (image := images.forget(key)) is not None:
        # Asked again: a removal that ran meanwhile has not seen what was put back here.
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
        # A forgery that was stored while the place was empty; its upload is refused by the catalog.
        return False
    return True
