"""Which pages may upload, and read the answers: cross-origin resource sharing (Fetch, CORS protocol)."""

from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from authsvc.access.live import Guard
from authsvc.clients.port import UNCACHED, Client
from authsvc.clients.table import CLIENTS
from authsvc.verdict.embedder import NONE, embedder_of
from authsvc.verdict.policy import Rules, decide

_ALLOWED_HEADERS: Final = "token, authorization, x-api-key, content-type"
_MAX_AGE_SECONDS: Final = 600


def cors_headers(request: Request, rules: Rules) -> dict[str, str]:
    """Return the headers that let the page of an allowed site read the answer."""
    origin = request.headers.get("origin", "")
    embedder = embedder_of({"origin": origin}, editor_agents=())
    headers = {"Vary": "Origin"}
    if origin and embedder != NONE and decide(embedder, rules).allowed:
        headers["Access-Control-Allow-Origin"] = origin
    return headers


class PreflightRoutes:
    """Answers the question that a browser sends before a page's upload."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def routes(self) -> list[Route]:
        """Return the routes, for the application."""
        return [
            Route(path, partial(self.preflight, client), methods=["OPTIONS"])
            for client in CLIENTS
            for path in client.paths
        ]

    async def preflight(self, client: Client, request: Request) -> Response:
        """Answer 204, and for an allowed site also what its page may send."""
        headers = {**UNCACHED, **cors_headers(request, self._guard.rules)}
        if "Access-Control-Allow-Origin" in headers:
            headers["Access-Control-Allow-Methods"] = ", ".join(client.methods)
            headers["Access-Control-Allow-Headers"] = _ALLOWED_HEADERS
            headers["Access-Control-Max-Age"] = str(_MAX_AGE_SECONDS)
        return Response(status_code=204, headers=headers)
