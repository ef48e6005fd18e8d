"""Uploads: the 2018 script's API, and the question about a token before one."""

from asyncio import CancelledError
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from authsvc.access.tokens import presented_token
from authsvc.clients import native
from authsvc.errors import AnswerError, Busy, TooLarge, Unavailable
from authsvc.model import Image, Scope
from authsvc.routes.answers import UPLOAD_HEADERS, refusal
from authsvc.routes.internal.verdict import revision_of
from authsvc.routes.services import Services
from authsvc.uploads.multipart import FormFile
from authsvc.uploads.spool import Spool
from authsvc.verdict.embedder import NONE, embedder_of
from authsvc.verdict.policy import decide

UPLOAD_PATH = "/api/v1/upimg"
_PREFLIGHT_HEADERS = {
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "token, authorization, x-api-key, content-type",
    "Access-Control-Max-Age": "600",
}


class UploadRoutes:
    """Takes uploads for one service, at most `max_concurrent_uploads` at once."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._under_way = 0

    def routes(self) -> list[Route]:
        """Return the routes, for the application."""
        return [
            Route(UPLOAD_PATH, self.upload, methods=["POST"]),
            Route(UPLOAD_PATH, self.preflight, methods=["OPTIONS"]),
            Route("/token", self.token, methods=["GET"]),
        ]

    async def token(self, request: Request) -> Response:
        """Answer nginx whether the token may upload: 204, 401 or 403."""
        guard = self._services.guard
        await guard.saw_nginx(revision_of(request))
        await guard.authorize(_presented(request), Scope.UPLOAD)
        return Response(status_code=204)

    async def preflight(self, request: Request) -> Response:
        """Answer a browser whether a page may upload (Fetch, CORS-preflight)."""
        headers = {**UPLOAD_HEADERS, **self._cors(request)}
        if "Access-Control-Allow-Origin" in headers:
            headers |= _PREFLIGHT_HEADERS
        return Response(status_code=204, headers=headers)

    async def upload(self, request: Request) -> Response:
        """Take one picture and answer in the native envelope."""
        metrics = self._services.metrics
        body = request.stream()
        try:
            async with self._slot():
                image, name = await self._take(request, body)
        except AnswerError as error:
            metrics.uploads.labels(error.code).inc()
            await self._drain(body)
            return refusal(error)
        except ClientDisconnect:
            metrics.uploads.labels("disconnected").inc()
            return Response(status_code=400)
        except CancelledError:
            # Only by a stop that the disk keeps beyond its grace. nginx asks the next service.
            metrics.uploads.labels(Unavailable.code).inc()
            return refusal(Unavailable())
        metrics.uploads.labels("ok").inc()
        metrics.upload_bytes.inc(image.size)
        answer = native.success(image, base_url=self._services.settings.base_url, name=name)
        return JSONResponse(answer, headers={**UPLOAD_HEADERS, **self._cors(request)})

    async def _take(self, request: Request, body: AsyncIterator[bytes]) -> tuple[Image, str]:
        services = self._services
        token = await services.guard.authorize(_presented(request), Scope.UPLOAD)
        form = FormFile(request.headers.get("content-type", ""))
        limit = services.settings.max_upload_bytes
        total = 0
        async with Spool(services.settings.spool_dir, max_bytes=limit) as spool:
            async for chunk in body:
                total += len(chunk)
                if total > services.settings.max_body_bytes:
                    raise TooLarge(limit_bytes=limit)
                for piece in form.feed(chunk):
                    await spool.write(piece)
            form.finish()
            spool.hash_rest()
            image = await services.ingest.keep(spool, name=form.name)
        services.guard.note_use(token)
        return image, form.name

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        if self._under_way >= self._services.settings.max_concurrent_uploads:
            raise Busy
        self._under_way += 1
        self._services.metrics.uploads_under_way.set(self._under_way)
        try:
            yield
        finally:
            self._under_way -= 1
            self._services.metrics.uploads_under_way.set(self._under_way)

    async def _drain(self, body: AsyncGenerator[bytes, None]) -> None:
        """Read what is still coming, so that the answer is not lost in a reset
        connection. nginx has bounded the body; without it, the limit does."""
        left = self._services.settings.max_body_bytes
        try:
            async for chunk in body:
                left -= len(chunk)
                if left < 0:
                    return
        except ClientDisconnect:
            return

    def _cors(self, request: Request) -> dict[str, str]:
        """Return the headers that let the page of an allowed site read the answer."""
        origin = request.headers.get("origin", "")
        embedder = embedder_of({"origin": origin}, editor_agents=())
        headers = {"Vary": "Origin"}
        if origin and embedder != NONE and decide(embedder, self._services.guard.rules).allowed:
            headers["Access-Control-Allow-Origin"] = origin
        return headers


def _presented(request: Request) -> str:
    return presented_token(request.headers.get("token"), request.headers.get("authorization"))
