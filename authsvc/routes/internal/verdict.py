"""nginx's question whether an embedder may show a picture, when its own map has no answer."""

import os
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from authsvc.access.live import Guard
from authsvc.metrics import Metrics
from authsvc.verdict.embedder import INVALID

ROOM_BYTES: Final = 4 * 2**20
ROOM_FILES: Final = 100
"""The room that must be free on the disk where nginx caches verdicts. One verdict needs at most 4 KiB and two files,
but other programs write to that disk at the same time."""


class VerdictRoutes:
    """Gives verdicts by the access rules of the running service."""

    def __init__(self, guard: Guard, metrics: Metrics) -> None:
        self._guard = guard
        self._metrics = metrics

    def routes(self) -> list[Route]:
        """Return the routes, for the application."""
        return [Route("/verdict", self.verdict, methods=["GET"])]

    async def verdict(self, request: Request) -> Response:
        """Answer 204 to allow or 403 to deny, with the reason in a header."""
        embedder = request.headers.get("x-embedder", INVALID)
        verdict = await self._guard.verdict(embedder, nginx_revision=revision_of(request))
        self._metrics.verdicts.labels(verdict.reason.value).inc()
        headers = {"X-Reason": verdict.reason.value}
        if not _has_room(request.headers.get("x-verdict-cache", "")):
            # nginx closes a reader's connection without an answer if it cannot write the verdict to its cache.
            headers["X-Not-Kept"] = "1"
        return Response(status_code=204 if verdict.allowed else 403, headers=headers)


def _has_room(folder: str) -> bool:
    """Return whether nginx can write a verdict in its folder; "" if it did not send one."""
    if not folder:
        return True
    try:
        # nginx sends the path as it is, and Starlette reads headers as Latin-1.
        disk = os.statvfs(folder.encode("latin-1"))
    except OSError:
        return False
    has_names = disk.f_favail >= ROOM_FILES or not disk.f_files  # 0 files: the file system has no limit
    return has_names and disk.f_bavail * disk.f_frsize >= ROOM_BYTES


def revision_of(request: Request) -> int | None:
    """Return the revision of the site list that nginx runs; None if it did not send one."""
    text = request.headers.get("x-sites-revision", "")
    return int(text) if text.isascii() and text.isdigit() else None
