"""How the service is, for whoever runs it; nginx does not pass these on."""

import asyncio
import os

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from authsvc.errors import AuthsvcError
from authsvc.routes.services import Services


class HealthRoutes:
    """Answers for one service."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> list[Route]:
        """Return the routes, for the application."""
        return [
            Route("/healthz", self.healthz, methods=["GET"]),
            Route("/readyz", self.readyz, methods=["GET"]),
            Route("/metrics", self.metrics, methods=["GET"]),
        ]

    async def healthz(self, _request: Request) -> Response:
        """Answer 200 as long as the service answers at all."""
        return JSONResponse({"status": "ok"})

    async def readyz(self, _request: Request) -> Response:
        """Answer 200 when uploads can be taken, else 503 and what is wrong.

        An nginx that runs an older list of sites is named, but does not count.
        """
        guard = self._services.guard
        problems = []
        try:
            await guard.refresh()
        except AuthsvcError as error:
            problems.append(error.text)
        spool_dir = self._services.settings.spool_dir
        if not await asyncio.to_thread(os.access, spool_dir, os.W_OK | os.X_OK):
            problems.append(f"{spool_dir} cannot be written")
        seen = guard.nginx_revision
        return JSONResponse(
            {
                "status": "unready" if problems else "ready",
                "problems": problems,
                "sites_revision": guard.sites_revision,
                "nginx_sites_revision": seen,
                "nginx_lags": seen is not None and seen < guard.sites_revision,
            },
            status_code=503 if problems else 200,
        )

    async def metrics(self, _request: Request) -> Response:
        """Answer with the counters, for Prometheus."""
        return Response(self._services.metrics.render(), media_type="text/plain; version=0.0.4")
