"""Make sizes when they are first asked for: one job for any number of readers."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from authsvc.errors import AuthsvcError, UploadRefused
from authsvc.imaging.decoder.job import SizeJob
from authsvc.imaging.decoder.result_file import ResultFile
from authsvc.model import ImageType, Key
from authsvc.sizes.cache import SizeCache
from authsvc.sizes.request import BestFormat, FileSuffix, SizeRequest
from authsvc.store.port import BlobStore
from authsvc.system.durable import disk_full_when_no_room
from authsvc.times import TIMES

MAX_AVIF_WAITING: Final = 1000
"""How many sizes may wait to be made as AVIF as well; when the queue is full, a size is made as WebP only."""
MAX_IDLE_POLLS: Final = 30
"""Maximum number of pauses before the next AVIF starts although readers are waiting."""

_log = logging.getLogger("authsvc")


class SizeDecoder(Protocol):
    """Makes sizes in another process: see `imaging.decoder.pool.DecoderPool.make_size`."""

    async def make_size(self, picture: int, job: SizeJob) -> ResultFile:
        """Return the size of the picture with this descriptor; close it.

        Raises an UploadRefused for a picture that cannot be decoded or whose size would be useless, and Busy.
        """


class Outcome(StrEnum):
    """The result of a request for a missing size."""

    MADE = "made"
    LINKED = "linked"
    """A link to the picture takes the size's place, because a size would be useless."""
    FOUND = "found"
    """It was made after nginx had looked for it."""
    NOT_NOW = "not_now"
    """It may be made later; until then readers get the picture itself."""

    @property
    def is_there(self) -> bool:
        """Whether nginx finds the file from now on."""
        return self is not Outcome.NOT_NOW


class SizeMaker:
    """Makes sizes for one service, on one event loop. `on_end` is called with the outcome of each job."""

    def __init__(
        self, *, store: BlobStore, cache: SizeCache, decoder: SizeDecoder, on_end: Callable[[Outcome], None]
    ) -> None:
        self._store = store
        self._cache = cache
        self._decoder = decoder
        self._on_end = on_end
        self._jobs: dict[SizeRequest, asyncio.Task[Outcome]] = {}
        self._avif_waiting: asyncio.Queue[SizeRequest] = asyncio.Queue(MAX_AVIF_WAITING)
        self._making_avif: asyncio.Task[None] | None = None

    async def make(self, request: SizeRequest) -> Outcome:
        """Make the size, or wait for the job that is making it.

        Returns within `TIMES.size_answer`: NOT_NOW when the job is not done by then.
        A failure of the server is NOT_NOW as well. Raises FileNotFoundError when there
        is no such picture.
        """
        if request.best_format is BestFormat.AVIF:
            # A reader that accepts AVIF gets WebP first, so both kinds of readers share a job.
            request = replace(request, best_format=BestFormat.WEBP)
        job = self._jobs.get(request)
        if job is None:
            job = self._jobs[request] = asyncio.create_task(self._run(request))
            job.add_done_callback(lambda job: self._end(request, job))
        # `wait` leaves the job running, also when its last reader has closed the connection.
        done, _ = await asyncio.wait([job], timeout=TIMES.size_answer)
        return job.result() if done else Outcome.NOT_NOW

    async def close(self) -> None:
        """Wait for running jobs, and cancel the AVIF that is made in the background."""
        if self._making_avif is not None:
            self._making_avif.cancel()
            await asyncio.wait([self._making_avif])
        if self._jobs:
            await asyncio.wait(self._jobs.values())

    def _end(self, request: SizeRequest, job: asyncio.Task[Outcome]) -> None:
        del self._jobs[request]
        if not job.cancelled():
            job.exception()  # mark it as read: there may be no reader left to raise it to

    async def _run(self, request: SizeRequest) -> Outcome:
        try:
            outcome = await self._attempt(request)
        except AuthsvcError:
            outcome = Outcome.NOT_NOW
        except Exception as error:
            # Either the picture was removed, or the cache was deleted during the job.
            if isinstance(error, FileNotFoundError) and await asyncio.to_thread(self._store.stat, request.key) is None:
                raise
            _log.warning("%s could not be made %d pixels wide: %s", request.key, request.width, error)
            outcome = Outcome.NOT_NOW
        self._on_end(outcome)
        return outcome

    async def _attempt(self, request: SizeRequest) -> Outcome:
        async with self._picture(request.key) as picture:
            if await asyncio.to_thread(self._cache.has, request):
                return Outcome.FOUND
            try:
                is_made = await self._make(request, picture)
            except UploadRefused:
                # Permanent: this picture cannot be decoded, so do not try again.
                is_made = False
            if not is_made:
                suffix = FileSuffix.PLAIN if request.best_format is BestFormat.PLAIN else FileSuffix.WEBP_PLAIN
                await asyncio.to_thread(self._cache.link, picture, request.key, request.width, suffix)
            await self._forget_if_removed(request.key)
        if is_made and request.best_format is not BestFormat.PLAIN:
            self._make_avif_later(request)
        return Outcome.MADE if is_made else Outcome.LINKED

    async def _make(self, request: SizeRequest, picture: Path) -> bool:
        """Make and publish the size; return False when it would be useless."""
        is_plain = request.best_format is BestFormat.PLAIN
        form, suffix = (request.key.kind, FileSuffix.PLAIN) if is_plain else (ImageType.WEBP, FileSuffix.WEBP)
        return await self._publish_if_smaller(request, picture, form, suffix, than=picture)

    async def _publish_if_smaller(
        self, request: SizeRequest, picture: Path, form: ImageType, suffix: FileSuffix, *, than: Path
    ) -> bool:
        job = SizeJob(request.key.kind, request.width, form)
        async with _opened(picture) as source:
            made = await self._decoder.make_size(source, job)
        with made:
            return await asyncio.to_thread(self._publish, made, request, suffix, than)

    def _publish(self, made: ResultFile, request: SizeRequest, suffix: FileSuffix, than: Path) -> bool:
        if made.size >= than.stat().st_size:
            return False
        file = self._cache.new_path()
        try:
            with disk_full_when_no_room(), file.open("xb") as target:
                target.writelines(made.blocks())
            self._cache.publish(file, request.key, request.width, suffix)
        finally:
            self._cache.discard(file)
        return True

    async def _forget_if_removed(self, key: Key) -> None:
        """Delete what was published after the removal of its picture, which deletes the blob first."""
        if await asyncio.to_thread(self._store.stat, key) is None:
            await asyncio.to_thread(self._cache.remove, key)

    def _make_avif_later(self, request: SizeRequest) -> None:
        with suppress(asyncio.QueueFull):
            self._avif_waiting.put_nowait(request)
        if self._making_avif is None:
            self._making_avif = asyncio.create_task(self._make_all_avif())

    async def _make_all_avif(self) -> None:
        """Make one AVIF at a time, so that uploads find a free worker; readers that wait go first."""
        while True:
            request = await self._avif_waiting.get()
            await self._wait_until_idle()
            # A failure costs nothing: the WebP is there, or the cache was deleted.
            with suppress(Exception):
                await self._make_avif(request)

    async def _wait_until_idle(self) -> None:
        """Wait until no reader's job is running, but not longer than MAX_IDLE_POLLS."""
        for _ in range(MAX_IDLE_POLLS):
            if not self._jobs:
                break
            await asyncio.sleep(TIMES.avif_pause)

    async def _make_avif(self, request: SizeRequest) -> None:
        webp = self._cache.path(request.key, request.width, FileSuffix.WEBP)
        async with self._picture(request.key) as picture:
            await self._publish_if_smaller(request, picture, ImageType.AVIF, FileSuffix.AVIF, than=webp)
            await self._forget_if_removed(request.key)

    @asynccontextmanager
    async def _picture(self, key: Key) -> AsyncIterator[Path]:
        with ExitStack() as stack:
            yield await asyncio.to_thread(stack.enter_context, self._store.as_file(key))


@asynccontextmanager
async def _opened(picture: Path) -> AsyncIterator[int]:
    descriptor = await asyncio.to_thread(os.open, picture, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
