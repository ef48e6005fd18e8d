"""nginx's question whether a token may upload, asked before it reads the body."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from authsvc.access.live import Guard
from authsvc.clients.table import client_named
from authsvc.model import Scope
from authsvc.routes.internal.verdict import revision_of


class TokenRoutes:
    """Checks tokens by the access rules of the running service."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def routes(self) -> list[Route]:
        """Return the routes, for the application."""
        return [Route("/token", self.token, methods=["GET"])]

    async def token(self, request: Request) -> Response:
        """Answer 204 if the token may upload, else 401 or 403.

        `X-Client` names the API that reads the token's headers. An nginx whose
        files an older version has rendered does not send it.
        """
        await self._guard.saw_nginx(revision_of(request))
        client = client_named(request.headers.get("x-client", ""))
        await self._guard.authorize(client.token_in(request.headers), Scope.UPLOAD)
        return Response(status_code=204)
