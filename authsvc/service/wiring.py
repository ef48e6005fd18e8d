"""Start-up work, and the wiring of settings, back ends and routes."""

import asyncio
import logging
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from starlette.routing import Route

from authsvc.access.live import Guard
from authsvc.access.site_list_file import publish_sites
from authsvc.backends import Backends, open_backends, prepare_data_dir
from authsvc.imaging.decoder.options import WorkerOptions
from authsvc.imaging.decoder.pool import DecoderPool
from authsvc.imaging.decoder.scheduler import Scheduler
from authsvc.imaging.limits import Limits
from authsvc.library.remove import finish_removals
from authsvc.metrics import Metrics
from authsvc.routes.health import HealthRoutes
from authsvc.routes.internal.legacy import LEGACY_ROUTES
from authsvc.routes.internal.size import SizeRoutes
from authsvc.routes.internal.token import TokenRoutes
from authsvc.routes.internal.verdict import VerdictRoutes
from authsvc.routes.public.cors import PreflightRoutes
from authsvc.routes.public.upload import UploadRoutes
from authsvc.settings import Settings
from authsvc.sizes.maker import SizeMaker
from authsvc.times import TIMES
from authsvc.uploads.pipeline import Ingest
from authsvc.uploads.spool import clear_spool

THREADS: Final = 8
"""The number of threads for blocking work. With 32 threads, 32 clients uploaded a quarter fewer pictures of 5 MB: each
thread that hashes or writes makes the others, and the event loop, wait for the interpreter."""

_MAX_SIZES_WAITING: Final = 64
"""How many sizes may wait for a worker. Beyond that, readers get the picture itself."""

_MAX_SIZE_BYTES: Final = 64 * 2**20
"""The longest file of a size. A larger one is useless: it is not smaller than the picture."""

_log = logging.getLogger("authsvc")


@asynccontextmanager
async def running_routes(settings: Settings) -> AsyncIterator[list[Route]]:
    """Do the start-up work, and yield the routes of the running service.

    Afterwards, wait for the uploads that are under way and close everything.
    Raises AuthsvcError or OSError if the service cannot start.
    """
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, "blocking"))
    async with AsyncExitStack() as at_end:  # runs in reverse order
        # Start-up work may block the event loop: nobody is served yet.
        backends = _start(settings)
        catalog = backends.catalog
        at_end.push_async_callback(asyncio.to_thread, catalog.close)
        guard = Guard(catalog.access, settings)
        workers = _workers(settings)
        metrics = Metrics()
        size_maker = SizeMaker(store=backends.store, cache=backends.sizes, decoder=workers, on_end=metrics.count_size)
        at_end.push_async_callback(size_maker.close)
        ingest = Ingest(images=catalog.images, store=backends.store, decoder=workers)
        at_end.push_async_callback(ingest.close)
        # Closed before the two above, which would otherwise wait for work that no client needs any more.
        at_end.push_async_callback(workers.close)
        following = asyncio.create_task(_follow(guard))
        at_end.callback(following.cancel)
        yield [
            *UploadRoutes(settings, guard=guard, ingest=ingest, metrics=metrics).routes(),
            *PreflightRoutes(guard).routes(),
            *TokenRoutes(guard).routes(),
            *VerdictRoutes(guard, metrics).routes(),
            *SizeRoutes(size_maker).routes(),
            *LEGACY_ROUTES,
            *HealthRoutes(guard=guard, spool_dir=settings.spool_dir, decoder=workers, metrics=metrics).routes(),
        ]


def _start(settings: Settings) -> Backends:
    """Prepare the data folder, finish what a crash interrupted and publish the site list."""
    prepare_data_dir(settings)
    clear_spool(settings.spool_dir)
    backends = open_backends(settings)
    backends.sizes.clear_temporary()
    finish_removals(images=backends.catalog.images, store=backends.store, sizes=backends.sizes)
    publish_sites(backends.catalog.access, settings)
    return backends


def _limits(settings: Settings) -> Limits:
    return Limits(
        max_side=settings.max_side,
        max_pixels=settings.max_pixels,
        max_buffered_pixels=settings.max_buffered_pixels,
        max_scans=settings.max_scans,
        max_frames=settings.max_frames,
        max_animation_pixels=settings.max_animation_pixels,
    )


def _workers(settings: Settings) -> DecoderPool:
    options = WorkerOptions(
        memory_bytes=settings.decode_memory_bytes,
        result_bytes=max(settings.max_upload_bytes, _MAX_SIZE_BYTES),
        limits=_limits(settings),
        strips=settings.strip_metadata,
    )
    return DecoderPool(
        options,
        Scheduler(settings.decoders, max_uploads=settings.max_concurrent_uploads, max_sizes=_MAX_SIZES_WAITING),
        timeout=settings.decode_timeout,
    )


async def _follow(guard: Guard) -> None:
    """Read changes that other processes have made, until cancelled."""
    while True:
        await asyncio.sleep(TIMES.access_poll)
        try:
            await guard.refresh()
        except Exception as error:  # noqa: BLE001 — after any error, the next check must still run
            # Keep the last known rules.
            _log.warning("tokens and sites could not be read again: %s", error)
