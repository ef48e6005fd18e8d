"""Make derivatives when they are first asked for: one job for any number of askers."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from authsvc.errors import AuthsvcError, UploadRefused
from authsvc.imaging.decoder.job import Derivation
from authsvc.imaging.dimensions import read_dimensions
from authsvc.model import ImageType, Key
from authsvc.sizes.cache import READER_TIMEOUT_SECONDS, BestFormat, DerivativeCache, End, SizeRequest
from authsvc.store.port import BlobStore

MAX_AVIF_WAITING: Final = 1000
"""Derivatives that wait to be made as AVIF as well; what comes when so many do stays WebP."""
IDLE_POLL_SECONDS: Final = 1.0
"""While readers wait for derivatives, the next AVIF, which takes three times as long, waits this long again."""
MAX_IDLE_POLLS: Final = 30
"""How often it does, so that there is AVIF also where readers always wait."""

_log = logging.getLogger("authsvc")


class Maker(Protocol):
    """Makes derivatives elsewhere: see `imaging.workers.Workers.derive`."""

    async def derive(self, derivation: Derivation) -> None:
        """Write the target. Raises an UploadRefused for a picture that cannot be decoded, Busy, DiskFull."""


class Outcome(StrEnum):
    """What became of a derivative that was not there."""

    MADE = "made"
    LINKED = "linked"
    """The picture itself stands for it, because a derivative is of no use."""
    FOUND = "found"
    """It was made between nginx's look and ours."""
    NOT_NOW = "not_now"
    """There may be one later; readers get the picture itself meanwhile."""

    @property
    def is_there(self) -> bool:
        """Whether nginx finds it from now on."""
        return self is not Outcome.NOT_NOW


class Deriver:
    """Makes derivatives for one service, on one event loop. `on_end` is told the outcome of each job."""

    def __init__(
        self, *, store: BlobStore, cache: DerivativeCache, maker: Maker, on_end: Callable[[Outcome], None]
    ) -> None:
        self._store = store
        self._cache = cache
        self._maker = maker
        self._on_end = on_end
        self._jobs: dict[SizeRequest, asyncio.Task[Outcome]] = {}
        self._avif_waiting: asyncio.Queue[SizeRequest] = asyncio.Queue(MAX_AVIF_WAITING)
        self._making_avif: asyncio.Task[None] | None = None

    async def derive(self, wanted: SizeRequest) -> Outcome:
        """Make what is wanted, unless it is being made: then wait for that.

        Returns within READER_TIMEOUT_SECONDS: NOT_NOW when the job is not done by then.
        Never fails for a reason of the server's. Raises FileNotFoundError when
        there is no such picture.
        """
        if wanted.accepts is BestFormat.AVIF:
            # Who takes AVIF gets WebP first, so that is the same job.
            wanted = replace(wanted, accepts=BestFormat.WEBP)
        job = self._jobs.get(wanted)
        if job is None:
            job = self._jobs[wanted] = asyncio.create_task(self._run(wanted))
            job.add_done_callback(lambda job: self._end(wanted, job))
        # Nor does it end with the last who waits.
        done, _ = await asyncio.wait([job], timeout=READER_TIMEOUT_SECONDS)
        return job.result() if done else Outcome.NOT_NOW

    async def close(self) -> None:
        """Wait for the jobs under way, and give up what is made in the background."""
        if self._making_avif is not None:
            self._making_avif.cancel()
            await asyncio.wait([self._making_avif])
        if self._jobs:
            await asyncio.wait(self._jobs.values())

    def _end(self, wanted: SizeRequest, job: asyncio.Task[Outcome]) -> None:
        del self._jobs[wanted]
        if not job.cancelled():
            job.exception()  # which whoever waited has got, if anybody still did

    async def _run(self, wanted: SizeRequest) -> Outcome:
        try:
            outcome = await self._attempt(wanted)
        except AuthsvcError:
            outcome = Outcome.NOT_NOW
        except Exception as error:
            # Or else the cache was wiped under the job.
            if isinstance(error, FileNotFoundError) and await asyncio.to_thread(self._store.stat, wanted.key) is None:
                raise
            _log.warning("%s could not be made %d pixels wide: %s", wanted.key, wanted.width, error)
            outcome = Outcome.NOT_NOW
        self._on_end(outcome)
        return outcome

    async def _attempt(self, wanted: SizeRequest) -> Outcome:
        async with self._picture(wanted.key) as picture:
            if await asyncio.to_thread(self._cache.has, wanted):
                return Outcome.FOUND
            try:
                is_made = await self._make(wanted, picture)
            except UploadRefused:
                # Nor will it be next time.
                is_made = False
            if not is_made:
                end = End.PLAIN if wanted.accepts is BestFormat.PLAIN else End.WEBP_PLAIN
                await asyncio.to_thread(self._cache.link, picture, wanted.key, wanted.width, end)
            await self._forget_if_removed(wanted.key)
        if is_made and wanted.accepts is not BestFormat.PLAIN:
            self._make_avif_later(wanted)
        return Outcome.MADE if is_made else Outcome.LINKED

    async def _make(self, wanted: SizeRequest, picture: Path) -> bool:
        """Return whether the derivative is of use, and published."""
        if wanted.accepts is not BestFormat.PLAIN:
            return await self._publish_if_smaller(wanted, picture, ImageType.WEBP, End.WEBP, than=picture)
        if await asyncio.to_thread(_width, picture, wanted.key.kind) <= wanted.width:
            # The same once more, and worse.
            return False
        return await self._publish_if_smaller(wanted, picture, wanted.key.kind, End.PLAIN, than=picture)

    async def _publish_if_smaller(
        self, wanted: SizeRequest, picture: Path, form: ImageType, end: End, *, than: Path
    ) -> bool:
        target = await asyncio.to_thread(self._cache.new_path)
        try:
            await self._maker.derive(Derivation(picture, wanted.key.kind, target, wanted.width, form))
            if not await asyncio.to_thread(_is_smaller, target, than):
                return False
            await asyncio.to_thread(self._cache.publish, target, wanted.key, wanted.width, end)
        finally:
            await asyncio.to_thread(self._cache.discard, target)
        return True

    async def _forget_if_removed(self, key: Key) -> None:
        """Remove what was published behind the removal of its picture, which deletes the blob first."""
        if await asyncio.to_thread(self._store.stat, key) is None:
            await asyncio.to_thread(self._cache.remove, key)

    def _make_avif_later(self, wanted: SizeRequest) -> None:
        with suppress(asyncio.QueueFull):
            self._avif_waiting.put_nowait(wanted)
        if self._making_avif is None:
            self._making_avif = asyncio.create_task(self._make_all_avif())

    async def _make_all_avif(self) -> None:
        """Make one after the other, so that uploads find a free worker, and none before readers have theirs."""
        while True:
            wanted = await self._avif_waiting.get()
            await self._calm()
            # It is extra: WebP is there, or the cache was wiped.
            with suppress(Exception):
                await self._make_avif(wanted)

    async def _calm(self) -> None:
        """Wait until there is no job, if not for ever."""
        for _ in range(MAX_IDLE_POLLS):
            if not self._jobs:
                break
            await asyncio.sleep(IDLE_POLL_SECONDS)

    async def _make_avif(self, wanted: SizeRequest) -> None:
        webp = self._cache.path(wanted.key, wanted.width, End.WEBP)
        async with self._picture(wanted.key) as picture:
            await self._publish_if_smaller(wanted, picture, ImageType.AVIF, End.AVIF, than=webp)
            await self._forget_if_removed(wanted.key)

    @asynccontextmanager
    async def _picture(self, key: Key) -> AsyncIterator[Path]:
        with ExitStack() as stack:
            yield await asyncio.to_thread(stack.enter_context, self._store.as_file(key))


def _width(picture: Path, kind: ImageType) -> int:
    with picture.open("rb") as file:
        return read_dimensions(file, kind)[0]


def _is_smaller(one: Path, other: Path) -> bool:
    return one.stat().st_size < other.stat().st_size
