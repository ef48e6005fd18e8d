"""Wire settings, back ends and routes into the web application."""

import asyncio
import logging
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from authsvc.access.live import Guard
from authsvc.access.site_list_file import publish_sites
from authsvc.backends import open_backends, prepare_data_dir
from authsvc.errors import AnswerError
from authsvc.imaging.decoder.pool import Workers
from authsvc.imaging.limits import Limits
from authsvc.library.remove import finish_removals
from authsvc.metrics import Metrics
from authsvc.routes.answers import on_answer_error, on_fault, on_http_exception
from authsvc.routes.health import HealthRoutes
from authsvc.routes.internal.legacy import LEGACY_ROUTES
from authsvc.routes.internal.size import SizeRoutes
from authsvc.routes.internal.verdict import VerdictRoutes
from authsvc.routes.public.upload import UploadRoutes
from authsvc.routes.services import Services
from authsvc.settings import Settings
from authsvc.sizes.maker import SizeMaker
from authsvc.times import TIMES
from authsvc.uploads.pipeline import Ingest
from authsvc.uploads.spool import clear_spool

THREADS: Final = 8
"""For blocking work. With 32 of them, 32 clients uploaded a quarter fewer pictures of 5 MB: each
thread that hashes or writes keeps the others, and the loop, from the interpreter."""

_MAX_SIZES_WAITING: Final = 64
"""For decoders, besides uploads. Readers who ask for more get the picture itself."""

_log = logging.getLogger("authsvc")


def create_app(settings: Settings) -> Starlette:
    """Return the application of the one service of this data folder.

    Prepares the folder and finishes what a crash has interrupted.
    """
    prepare_data_dir(settings)
    clear_spool(settings.spool_dir)
    backends = open_backends(settings)
    catalog, store, cache = backends.catalog, backends.store, backends.sizes
    cache.clear_temporary()
    finish_removals(images=catalog.images, store=store, sizes=cache)
    publish_sites(catalog.access, settings)
    guard = Guard(catalog.access, settings)
    workers = _workers(settings)
    metrics = Metrics()
    ingest = Ingest(
        images=catalog.images, store=store, limits=_limits(settings), strips=settings.strip_metadata, decoder=workers
    )
    size_maker = SizeMaker(store=store, cache=cache, decoder=workers, on_end=metrics.count_size)
    services = Services(settings, guard, ingest, size_maker, metrics)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, "blocking"))
        following = asyncio.create_task(_follow(guard))
        yield
        following.cancel()
        # First: what it does not end, the others would wait for, and their clients have gone.
        await workers.close()
        await ingest.close()
        await size_maker.close()
        await asyncio.to_thread(catalog.close)

    return Starlette(
        routes=[
            *UploadRoutes(services).routes(),
            *VerdictRoutes(services).routes(),
            *SizeRoutes(services).routes(),
            *LEGACY_ROUTES,
            *HealthRoutes(services).routes(),
        ],
        exception_handlers={AnswerError: on_answer_error, HTTPException: on_http_exception, Exception: on_fault},
        lifespan=lifespan,
    )


def _limits(settings: Settings) -> Limits:
    return Limits(
        max_side=settings.max_side,
        max_pixels=settings.max_pixels,
        max_buffered_pixels=settings.max_buffered_pixels,
        max_scans=settings.max_scans,
        max_frames=settings.max_frames,
        max_animation_pixels=settings.max_animation_pixels,
    )


def _workers(settings: Settings) -> Workers:
    return Workers(
        count=settings.decoders,
        max_waiting=settings.max_concurrent_uploads + _MAX_SIZES_WAITING,
        timeout=settings.decode_timeout,
        max_memory_bytes=settings.decode_memory_bytes,
    )


async def _follow(guard: Guard) -> None:
    """Look for changes that other processes have made, for ever."""
    while True:
        await asyncio.sleep(TIMES.access_poll)
        try:
            await guard.refresh()
        except Exception as error:  # noqa: BLE001 — whatever it is, a revoked token must be seen next time
            # The last known rules stay in force: better than none.
            _log.warning("tokens and sites could not be read again: %s", error)
