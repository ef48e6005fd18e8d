"""The path of one upload, from the received bytes to the answer: `Ingest._keep`, from top to bottom.

It runs on the event loop. What waits for the disk runs on threads, each step for all
uploads that have come to it at once (see `batcher`); a commit is shared, too.
Each upload has its own request to a worker, so that none waits for another's pixels.
"""

import asyncio
import os
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final, Protocol

from authsvc.catalog.port import ImageCatalog
from authsvc.errors import DiskFull
from authsvc.imaging.decoder.answer import Accepted
from authsvc.imaging.decoder.result_file import ResultFile
from authsvc.model import Digests, Image, Key, Spooled
from authsvc.store.port import BlobStore, Put
from authsvc.trash import discard
from authsvc.uploads.batcher import Batcher, each


class Incoming(Protocol):
    """An upload that was received completely, most of it in a file. Its methods block."""

    def complete(self) -> Spooled:
        """Return the complete file."""

    def replace(self, content: Iterable[bytes]) -> Spooled:
        """Write other content into the file; return it with its new digests."""

    def discard(self) -> None:
        """Delete the file. May be called again."""


class Decoder(Protocol):
    """Inspects pictures in another process: see `imaging.decoder.pool.DecoderPool`."""

    async def inspect(self, picture: int, *, owner: str) -> tuple[Accepted, ResultFile]:
        """Check and decode the whole picture with this descriptor; return what to keep of it.

        Raises an UploadRefused, and Busy.
        """


class Ingest:
    """Stores and records uploads. One instance serves all of them, on one event loop."""

    def __init__(self, *, images: ImageCatalog, store: BlobStore, decoder: Decoder) -> None:
        self._images = images
        self._store = store
        self._decoder = decoder
        self._complete: Final = Batcher[Incoming, tuple[Spooled, Image | None]](self._complete_all)
        self._put: Final = Batcher(store.put_all)
        self._finish: Final = Batcher(each(self._finish_one))
        self._under_way: set[asyncio.Task[Image]] = set()

    async def keep(self, incoming: Incoming, *, name: str, owner: str) -> Image:
        """Store the picture, unless it is stored already; return its facts.

        `incoming` is completed and discarded on a thread. `name` is the name of the
        uploaded file, "" if unknown; `owner` stands for its token. When this returns, the blob
        and its row survive a power cut. The blob is stored before the row, so that a crash
        leaves at most a blob without a row.

        Raises what `incoming.complete` raises, and what `decoder` raises unless the picture is
        stored already; Collision for a forged md5; DiskFull without room. In these cases no new
        picture is kept. Raises Busy when the catalog stays locked: then the blob may be
        stored without a row, until the same picture is uploaded again or removed, or until a reindex.
        """
        # A separate task: it goes on when the client closes the connection.
        keeping = asyncio.create_task(self._keep(incoming, name, owner))
        self._under_way.add(keeping)
        keeping.add_done_callback(self._under_way.discard)
        return await asyncio.shield(keeping)

    async def close(self) -> None:
        """Wait for the uploads in progress, also those whose clients have closed the connection."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def _keep(self, incoming: Incoming, name: str, owner: str) -> Image:
        try:
            received, known = await self._complete.run(incoming)
            if known is not None and await self._finish.run((incoming, known.key)):
                return known
            file, accepted = await self._inspect(incoming, received, owner)
            image = Image(
                key=Key(file.digests.md5, accepted.kind.value),
                sha256=file.digests.sha256,
                size=file.size,
                width=accepted.width,
                height=accepted.height,
                name=name,
                created_at=int(time.time()),
            )
            key = image.key
            while True:
                row = await self._store_and_record(image, Put(key, file.path, image.sha256), received.digests)
                # A removal that was running may have set the blob aside before the row was written: store it again.
                # One that sets it aside later finds the row, and puts the blob back.
                if await self._finish.run((incoming, row.key)):
                    return row
                key = row.key
        except Exception:
            await asyncio.to_thread(_discard, incoming)
            raise

    def _complete_all(self, group: Sequence[Incoming]) -> Sequence[tuple[Spooled, Image | None] | Exception]:
        """Write the rest of each file, and find the images of files that were received before."""
        files = _files_of(group)
        received = [file.digests.sha256 for file in files if isinstance(file, Spooled)]
        known = self._images.find_all_received(received)
        return [file if isinstance(file, Exception) else (file, known.get(file.digests.sha256)) for file in files]

    async def _inspect(self, incoming: Incoming, received: Spooled, owner: str) -> tuple[Spooled, Accepted]:
        """Have a worker check the picture; return the file to store, without what has to be removed."""
        picture = os.open(received.path, os.O_RDONLY)
        try:
            accepted, clean = await self._decoder.inspect(picture, owner=owner)
        finally:
            os.close(picture)
        with clean:
            if accepted.clean_bytes is None:
                return received, accepted
            # The service hashes what it stores itself, so that no worker chooses a picture's address.
            return await asyncio.to_thread(incoming.replace, clean.blocks()), accepted

    async def _store_and_record(self, image: Image, put: Put, received: Digests) -> Image:
        """Return the image's row, which has another key if these bytes were recorded with another extension."""
        is_new = await self._put.run(put)
        row: Image | Exception
        try:
            row = await asyncio.wrap_future(self._images.add(image, received))
        except DiskFull as error:
            row = error
        if is_new and (isinstance(row, Exception) or row.key != put.key):
            await asyncio.to_thread(discard, put.key, images=self._images, store=self._store)
        if isinstance(row, Exception):
            raise row
        return row

    def _finish_one(self, upload: tuple[Incoming, Key]) -> bool:
        """Delete the received file if the blob is in the store; return whether it is."""
        incoming, key = upload
        is_stored = self._store.stat(key) is not None
        if is_stored:
            _discard(incoming)
        return is_stored


def _complete(incoming: Incoming) -> Spooled:
    return incoming.complete()


_files_of = each(_complete)


def _discard(incoming: Incoming) -> None:
    # A file that cannot be deleted is deleted at the next start; the answer is the same.
    with suppress(OSError):
        incoming.discard()
