"""Store uploaded pictures and record them in the catalog; uploads that arrive together go in groups.

A wait for the disk, a commit and a switch to another thread cost about as much
for several pictures as for one. Only one group is processed at a time, and the
uploads that arrive meanwhile are the next one. With three groups at a time each
upload took twice the CPU time, because their threads wait for the interpreter.
Between two groups each upload is decoded on its own, so that no upload waits
for another's pixels. Meanwhile a clean file is hashed: both read the whole
file, in two processes.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from authsvc.catalog.port import ImageCatalog
from authsvc.errors import Collision, DiskFull, Internal
from authsvc.imaging.limits import Limits
from authsvc.imaging.prepare import Prepared, prepare
from authsvc.model import Digests, Image, ImageType, Key, Spooled
from authsvc.store.port import BlobStore, Put
from authsvc.system.durable import begin_to_write, digests_of
from authsvc.trash import discard
from authsvc.uploads.batcher import Batcher

MAX_GROUP: Final = 64


class Incoming(Protocol):
    """An upload that was received completely, most of it in a file. Its methods block."""

    def complete(self) -> Spooled:
        """Return the complete file. May be called again."""

    def discard(self) -> None:
        """Delete the file. May be called again."""


class Decoder(Protocol):
    """Decodes pictures in another process: see `imaging.decoder.pool.DecoderPool.check`."""

    async def check(self, path: Path, kind: ImageType, *, pixels: int | None = None) -> None:
        """Decode the whole picture.

        Raises an UploadRefused if it cannot be decoded or has more than `pixels`, and Busy.
        """


@dataclass(eq=False, slots=True)
class _Upload:
    """One upload and its progress. It ends with an outcome."""

    incoming: Incoming
    name: str
    received: Spooled = field(init=False)
    prepared: Prepared = field(init=False)
    digests: Digests = field(init=False)
    """The digests of the prepared file."""
    image: Image = field(init=False)
    clean: Path | None = None
    """A file without metadata, written because the received file had some."""
    is_fit: bool = False
    """Whether it was prepared and decoded."""
    is_stored_now: bool = False
    """Whether this upload stored its blob."""
    outcome: Image | Exception | None = None


class Ingest:
    """Stores and records uploads. One instance serves all of them, on one event loop.

    `strips` removes their metadata.
    """

    def __init__(
        self, *, images: ImageCatalog, store: BlobStore, limits: Limits, strips: bool, decoder: Decoder
    ) -> None:
        self._images = images
        self._store = store
        self._limits = limits
        self._strips = strips
        self._decoder = decoder
        self._arriving = Batcher(self._receive, max_size=MAX_GROUP)
        self._hashing = Batcher(_hash, max_size=MAX_GROUP)
        self._storing = Batcher(self._store_and_record, max_size=MAX_GROUP)
        self._under_way: set[asyncio.Task[None]] = set()

    async def keep(self, incoming: Incoming, *, name: str) -> Image:
        """Store the picture, unless it is stored already; return its facts.

        `incoming` is completed and discarded on a thread. `name` is the name of
        the uploaded file, "" if unknown. When this returns, the blob and its row
        survive a power cut. The blob is stored before the row, so that a crash
        leaves at most a blob without a row.

        Raises what `incoming.complete` and `prepare` raise, and what `decoder` raises
        unless the picture is stored already; Collision for a forged md5; DiskFull
        without room. In these cases no new picture becomes readable. Raises Busy when
        the catalog stays locked: then the blob may be stored without a row, until the same picture is
        uploaded again or removed, or until a reindex.
        """
        upload = _Upload(incoming, name)
        # A separate task: it goes on when the client closes the connection.
        keeping = asyncio.create_task(self._keep(upload))
        self._under_way.add(keeping)
        keeping.add_done_callback(self._under_way.discard)
        await asyncio.shield(keeping)
        if not isinstance(upload.outcome, Image):
            raise upload.outcome or Internal
        return upload.outcome

    async def close(self) -> None:
        """Wait for the uploads in progress, also those whose clients have closed the connection."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def _keep(self, upload: _Upload) -> None:
        try:
            # Again, if a removal has taken its blob.
            while _pending([upload]):
                await self._arriving.run(upload)
                if _pending([upload]) and not upload.is_fit:
                    await self._decode_and_hash(upload)
                if _pending([upload]):
                    await self._storing.run(upload)
        except Exception as error:  # noqa: BLE001 — any error is this upload's answer
            upload.outcome = error

    async def _decode_and_hash(self, upload: _Upload) -> None:
        """Decode the picture, and hash the clean file at the same time, if there is one."""
        work = [self._decode(upload)]
        if upload.clean is not None:
            work.append(self._hashing.run(upload))
        await asyncio.gather(*work)
        upload.is_fit = upload.outcome is None
        if not upload.is_fit:
            await asyncio.to_thread(_remove_ended, [upload])

    async def _decode(self, upload: _Upload) -> None:
        try:
            prepared = upload.prepared
            await self._decoder.check(prepared.path, prepared.kind, pixels=prepared.width * prepared.height)
        except Exception as error:  # noqa: BLE001 — any error is this upload's answer
            upload.outcome = error

    def _receive(self, group: Sequence[_Upload]) -> None:
        """Prepare each upload for the decoder, or set its outcome."""
        for upload in group:
            _record_failure([upload], partial(_complete, upload))
        _record_failure(_pending(group), partial(self._skip_known, _pending(group)))
        for upload in _pending(group):
            if not upload.is_fit:
                _record_failure([upload], partial(_prepare, upload, self._limits, strips=self._strips))
        _remove_ended(group)

    def _store_and_record(self, group: Sequence[_Upload]) -> None:
        """Set the outcome of each upload, except those that have to start again."""
        _record_failure(group, partial(self._put, group))
        if stored := _pending(group):
            self._record(stored)
        _remove_ended(group)

    def _skip_known(self, uploads: Sequence[_Upload]) -> None:
        """Set the outcome of uploads that were received before, if their blob is stored."""
        known = self._images.find_all_received([upload.received.digests.sha256 for upload in uploads])
        for upload in uploads:
            image = known.get(upload.received.digests.sha256)
            if image is not None:
                _record_failure([upload], partial(self._end_if_stored, upload, image))

    def _put(self, uploads: Sequence[_Upload]) -> None:
        known = self._images.find_all([upload.digests.md5 for upload in uploads])
        for upload in uploads:
            _name(upload, known.get(upload.digests.md5))
        named = _pending(uploads)
        results = self._store.put_all(
            [Put(upload.image.key, upload.prepared.path, upload.image.sha256) for upload in named]
        )
        for upload, result in zip(named, results, strict=True):
            if isinstance(result, Exception):
                upload.outcome = result
            else:
                upload.is_stored_now = result

    def _record(self, stored: Sequence[_Upload]) -> None:
        rows: Sequence[Image | Exception]
        try:
            rows = self._images.add_all([(upload.image, upload.received.digests) for upload in stored]).result()
        except Exception as error:  # noqa: BLE001 — any error is the answer of each upload in the group
            rows = [error] * len(stored)
        for upload, row in zip(stored, rows, strict=True):
            _record_failure([upload], partial(self._finish, upload, row))

    def _finish(self, upload: _Upload, row: Image | Exception) -> None:
        if isinstance(row, (Collision, DiskFull)):
            self._discard(upload)
        if isinstance(row, Exception):
            raise row
        if row.key != upload.image.key:
            # The row existed, with a tombstone.
            self._discard(upload)
        # A removal that was running may have set the blob aside before the row was written.
        # One that sets it aside later finds the row, and puts the blob back.
        self._end_if_stored(upload, row)

    def _end_if_stored(self, upload: _Upload, image: Image) -> None:
        if self._store.stat(image.key) is not None:
            upload.outcome = image

    def _discard(self, upload: _Upload) -> None:
        """Delete a blob without a row, unless another upload has recorded it."""
        if upload.is_stored_now:
            discard(upload.image.key, images=self._images, store=self._store)


def _pending(uploads: Sequence[_Upload]) -> list[_Upload]:
    return [upload for upload in uploads if upload.outcome is None]


def _record_failure(uploads: Sequence[_Upload], act: Callable[[], None]) -> None:
    """Call `act` if there are uploads; an error is the outcome of each that has none yet."""
    try:
        if uploads:
            act()
    except Exception as error:  # noqa: BLE001 — any error is the outcome of these uploads
        for upload in _pending(uploads):
            upload.outcome = error


def _remove_ended(uploads: Sequence[_Upload]) -> None:
    """Delete the files of the uploads that have an outcome."""
    for upload in uploads:
        if upload.outcome is not None:
            # A file that cannot be deleted is deleted at the next start; the outcome is the same.
            with suppress(OSError):
                upload.incoming.discard()
            with suppress(OSError):
                if upload.clean is not None:
                    upload.clean.unlink(missing_ok=True)


def _complete(upload: _Upload) -> None:
    upload.received = upload.incoming.complete()


def _prepare(upload: _Upload, limits: Limits, *, strips: bool) -> None:
    upload.prepared = prepare(upload.received, limits, strips=strips)
    # The disk can write this file while the picture is decoded.
    begin_to_write(upload.prepared.path)
    if upload.prepared.path == upload.received.path:
        upload.digests = upload.received.digests
    else:
        upload.clean = upload.prepared.path


def _hash(group: Sequence[_Upload]) -> None:
    for upload in group:
        _record_failure([upload], partial(_hash_clean, upload))


def _hash_clean(upload: _Upload) -> None:
    upload.digests = digests_of(upload.prepared.path)


def _name(upload: _Upload, known: Image | None) -> None:
    """Set the facts of the upload; `known` is the recorded image with its md5, if there is one."""
    prepared, digests = upload.prepared, upload.digests
    if known is not None and known.sha256 != digests.sha256:
        upload.outcome = Collision()
        return
    upload.image = Image(
        # A blob from the 2018 script may have the extension .jpeg.
        key=known.key if known is not None else Key(digests.md5, prepared.kind.value),
        sha256=digests.sha256,
        size=prepared.size,
        width=prepared.width,
        height=prepared.height,
        name=upload.name,
        created_at=int(time.time()),
    )
