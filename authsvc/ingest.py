"""Take a spooled upload into store and catalog."""

import asyncio
import time
from dataclasses import dataclass
from functools import partial

from authsvc.catalog.port import ImageCatalog
from authsvc.errors import Collision, Full
from authsvc.imaging.prepare import prepare
from authsvc.model import Image, Key, Spooled
from authsvc.store.port import BlobStore


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An image whose blob is durable; is_stored_now when this upload put it there."""

    image: Image
    is_stored_now: bool


@dataclass(frozen=True, slots=True)
class Ingest:
    """Keeps uploads. One instance serves all of them at once."""

    images: ImageCatalog
    store: BlobStore

    async def keep(self, received: Spooled, *, name: str) -> Image:
        """Store the picture, unless it is stored already; return its facts.

        When this returns, the blob and its row survive a power cut; the order
        is blob, then row, so that a crash leaves at most a blob without a row.
        `name` is the file's name at its uploader, "" for unknown.

        Raises Unsupported or Corrupt for a file that is no accepted picture,
        Collision for a forged md5, Full without room; nothing new is then
        served. Busy when the catalog stays locked: the blob may then be there
        without its row, until the next upload of it, a removal or a reindex.
        """
        known = await asyncio.to_thread(self._find_received, received)
        if known is not None:
            return known
        while True:
            candidate = await asyncio.to_thread(self._put, received, name)
            try:
                image = await asyncio.wrap_future(self.images.add(candidate.image, received.digests))
            except (Collision, Full):
                await asyncio.to_thread(self._discard, candidate)
                raise
            if image.key != candidate.image.key:
                # The row was there all the time, under a tombstone.
                await asyncio.to_thread(self._discard, candidate)
            # A removal that was under way may have taken the blob before the
            # row was there to stop it; from the row on, none can.
            if await asyncio.to_thread(self.store.stat, image.key):
                return image

    def _discard(self, candidate: _Candidate) -> None:
        """Delete a blob that got no row, unless another upload has made one for it."""
        if candidate.is_stored_now:
            self.images.discard(candidate.image.key, partial(self.store.delete, candidate.image.key))

    def _find_received(self, received: Spooled) -> Image | None:
        """Return the image that was received as these bytes, if its blob is there."""
        image = self.images.find_received(received.digests.sha256)
        if image is None or self.store.stat(image.key) is None:
            return None
        return image

    def _put(self, received: Spooled, name: str) -> _Candidate:
        prepared = prepare(received)
        digests = prepared.file.digests
        known = self.images.find(digests.md5)
        if known is not None and known.sha256 != digests.sha256:
            raise Collision
        # A blob that moved in from the 2018 script may be called .jpeg.
        key = known.key if known is not None else Key(digests.md5, prepared.kind.value)
        is_new = self.store.put(key, prepared.file.path, sha256=digests.sha256)
        image = Image(
            key=key,
            sha256=digests.sha256,
            size=prepared.file.size,
            width=prepared.width,
            height=prepared.height,
            name=name,
            created_at=int(time.time()),
        )
        return _Candidate(image, is_new)
