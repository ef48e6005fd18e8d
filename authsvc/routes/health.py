"""Health checks and metrics, for the operator; nginx does not pass these on."""

import asyncio
import os
from dataclasses import asdict
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from authsvc.access.live import Guard
from authsvc.errors import AuthsvcError
from authsvc.imaging.decoder.pool import DecoderPool
from authsvc.metrics import Metrics


class HealthRoutes:
    """Reports whether the service can accept uploads, and what it has counted."""

    def __init__(self, *, guard: Guard, spool_dir: Path, decoder: DecoderPool, metrics: Metrics) -> None:
        self._guard = guard
        self._decoder = decoder
        self._spool_dir = spool_dir
        self._metrics = metrics

    def routes(self) -> list[Route]:
        """Return the routes, for the application."""
        return [
            Route("/healthz", self.healthz, methods=["GET"]),
            Route("/readyz", self.readyz, methods=["GET"]),
            Route("/confinement", self.confinement, methods=["GET"]),
            Route("/metrics", self.metrics, methods=["GET"]),
        ]

    async def healthz(self, _request: Request) -> Response:
        """Answer 200 as long as the service answers at all."""
        return JSONResponse({"status": "ok"})

    async def readyz(self, _request: Request) -> Response:
        """Answer 200 when uploads can be accepted, else 503 and what is wrong.

        `nginx_lags` reports an nginx that runs an older list of sites; that is not a problem here.
        """
        problems = []
        try:
            await self._guard.refresh()
        except AuthsvcError as error:
            problems.append(error.text)
        if not await asyncio.to_thread(os.access, self._spool_dir, os.W_OK | os.X_OK):
            problems.append(f"{self._spool_dir} cannot be written")
        seen = self._guard.nginx_revision
        return JSONResponse(
            {
                "status": "unready" if problems else "ready",
                "problems": problems,
                "sites_revision": self._guard.sites_revision,
                "nginx_sites_revision": seen,
                "nginx_lags": seen is not None and seen < self._guard.sites_revision,
            },
            status_code=503 if problems else 200,
        )

    async def confinement(self, _request: Request) -> Response:
        """Answer with what the kernel provides to confine decoders, seen from here: a unit may allow less."""
        return JSONResponse(asdict(await self._decoder.confinement()))

    async def metrics(self, _request: Request) -> Response:
        """Answer with the counters, for Prometheus."""
        return Response(self._metrics.render(), media_type="text/plain; version=0.0.4")
