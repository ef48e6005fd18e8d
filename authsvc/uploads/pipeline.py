"""The path of one upload, from the received bytes to the answer: `Ingest._keep`, from top to bottom.

It runs on the event loop. What waits for the disk runs on threads, each step for all
uploads that have come to it at once (see `batcher`); a commit is shared, too.
Each upload has its own request to a worker, so that none waits for another's pixels.
"""

import asyncio
import os
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, Protocol

from authsvc.catalog.port import ImageCatalog
from authsvc.errors import Collision, DiskFull
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


@dataclass(frozen=True, slots=True)
class _Storing:
    """An inspected upload: its image, the digests of what was received, and what to put into the store."""

    incoming: Incoming
    image: Image
    received: Digests
    put: Put


class Ingest:
    """Stores and records uploads. One instance serves all of them, on one event loop."""

    def __init__(self, *, images: ImageCatalog, store: BlobStore, decoder: Decoder) -> None:
        self._images = images
        self._store = store
        self._decoder = decoder
        self._complete: Final = Batcher[Incoming, tuple[Spooled, Image | None]](self._complete_all)
        self._store_and_record: Final = Batcher[_Storing, tuple[Image, bool]](self._store_and_record_all)
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
            if known is not None:
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
            storing = _Storing(incoming, image, received.digests, Put(image.key, file.path, image.sha256))
            while True:
                row, is_stored = await self._store_and_record.run(storing)
                if is_stored:
                    return row
                # A removal has set the blob aside before the row was written: store it again, under the row's key.
                # One that sets it aside later finds the row, and puts the blob back.
                storing = replace(storing, put=replace(storing.put, key=row.key))
        except Exception:
            await asyncio.to_thread(_discard, incoming)
            raise

    def _complete_all(self, group: Sequence[Incoming]) -> Sequence[tuple[Spooled, Image | None] | Exception]:
        """Write the rest of each file; find the image of one that was received before, if its blob is stored."""
        files = _files_of(group)
        known = self._images.find_all_received([file.digests.sha256 for file in files if isinstance(file, Spooled)])

        def look_up(found: tuple[Incoming, Spooled | Exception]) -> tuple[Spooled, Image | None]:
            incoming, file = found
            if isinstance(file, Exception):
                raise file
            image = known.get(file.digests.sha256)
            return file, image if image is not None and self._is_done(incoming, image) else None

        return each(look_up)(list(zip(group, files, strict=True)))

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

    def _store_and_record_all(self, group: Sequence[_Storing]) -> Sequence[tuple[Image, bool] | Exception]:
        """Store the blobs, then write their rows; return each row, and whether its blob is in the store after that."""
        puts = self._store.put_all([storing.put for storing in group])
        # All are submitted before the first is waited for, so that they share a commit.
        rows = [
            result if isinstance(result, Exception) else self._images.add(storing.image, storing.received)
            for storing, result in zip(group, puts, strict=True)
        ]
        return each(self._finish)(list(zip(group, puts, rows, strict=True)))

    def _finish(
        self, stored: tuple[_Storing, bool | Exception, Future[Image | Collision] | Exception]
    ) -> tuple[Image, bool]:
        storing, is_new, recording = stored
        if isinstance(recording, Exception):
            raise recording
        row: Image | Exception
        try:
            row = recording.result()
        except DiskFull as error:
            row = error
        if is_new and (isinstance(row, Exception) or row.key != storing.put.key):
            discard(storing.put.key, images=self._images, store=self._store)
        if isinstance(row, Exception):
            raise row
        return row, self._is_done(storing.incoming, row)

    def _is_done(self, incoming: Incoming, image: Image) -> bool:
        """Return whether the image's blob is in the store; if it is, delete the received file."""
        is_stored = self._store.stat(image.key) is not None
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
