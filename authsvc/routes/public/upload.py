"""Uploads, at the addresses of every client's API."""

from asyncio import CancelledError
from collections.abc import AsyncGenerator, AsyncIterator
from functools import partial

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from authsvc.access.live import Guard
from authsvc.clients.port import Client
from authsvc.clients.table import CLIENTS
from authsvc.errors import AnswerError, TooLarge, Unavailable
from authsvc.metrics import Metrics
from authsvc.model import Image, Scope, Token
from authsvc.routes.answers import response
from authsvc.routes.public.cors import cors_headers
from authsvc.settings import Settings
from authsvc.uploads.multipart import FormFile
from authsvc.uploads.pipeline import Ingest
from authsvc.uploads.slots import UploadSlots
from authsvc.uploads.spool import Spool


class UploadRoutes:
    """Receives uploads, a limited number at once."""

    def __init__(self, settings: Settings, *, guard: Guard, ingest: Ingest, metrics: Metrics) -> None:
        self._settings = settings
        self._guard = guard
        self._ingest = ingest
        self._metrics = metrics
        self._slots = UploadSlots(settings.max_concurrent_uploads)

    def routes(self) -> list[Route]:
        """Return the routes, for the application."""
        return [
            Route(path, partial(self.upload, client), methods=list(client.methods))
            for client in CLIENTS
            for path in client.paths
        ]

    async def upload(self, client: Client, request: Request) -> Response:
        """Store one picture and answer as the client's API does."""
        body = request.stream()
        try:
            token = await self._guard.authorize(client.token_in(request.headers), Scope.UPLOAD)
            with self._slots.take(token.fingerprint), self._metrics.uploads_under_way.track_inprogress():
                image, name = await self._receive(request, body, client, token)
        except AnswerError as error:
            self._metrics.uploads.labels(error.code).inc()
            await self._drain(body)
            return response(client.failure(error))
        except ClientDisconnect:
            self._metrics.uploads.labels("disconnected").inc()
            return Response(status_code=400)
        except CancelledError:
            # The service stops, and the disk took longer than the grace period. nginx asks the next service.
            self._metrics.uploads.labels(Unavailable.code).inc()
            return response(client.failure(Unavailable()))
        self._metrics.uploads.labels("ok").inc()
        self._metrics.upload_bytes.inc(image.size)
        answer = client.success(image, base_url=self._settings.base_url, name=name)
        return response(answer, cors_headers(request, self._guard.rules))

    async def _receive(
        self, request: Request, body: AsyncIterator[bytes], client: Client, token: Token
    ) -> tuple[Image, str]:
        """Return the stored picture and its file name. Raises AnswerError, ClientDisconnect."""
        form = FormFile(request.headers.get("content-type", ""), picture_fields=client.picture_fields)
        limit = self._settings.max_upload_bytes
        total = 0
        async with Spool(self._settings.spool_dir, max_bytes=limit) as spool:
            async for chunk in body:
                total += len(chunk)
                if total > self._settings.max_body_bytes:
                    raise TooLarge(limit_bytes=limit)
                for piece in form.feed(chunk):
                    await spool.write(piece)
            form.finish()
            spool.hash_rest()
            image = await self._ingest.keep(spool, name=form.name, owner=token.fingerprint)
        self._guard.note_use(token)
        return image, form.name

    async def _drain(self, body: AsyncGenerator[bytes, None]) -> None:
        """Read the rest of the body: closing the connection earlier could lose the answer.

        nginx has already limited the body. Without nginx, reading stops after `max_body_bytes` more.
        """
        left = self._settings.max_body_bytes
        try:
            async for chunk in body:
                left -= len(chunk)
                if left < 0:
                    return
        except ClientDisconnect:
            return
