"""nginx asks for a size that is not there yet."""

import re
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from authsvc.errors import NotFound
from authsvc.model import KEY_PATH_PATTERN, WIDTHS, Key
from authsvc.sizes.maker import SizeMaker
from authsvc.sizes.request import BestFormat, SizeRequest

_SIZE: Final = re.compile(f"({KEY_PATH_PATTERN})/({'|'.join(map(str, WIDTHS))})")


class SizeRoutes:
    """Makes the sizes that nginx does not find in the cache."""

    def __init__(self, size_maker: SizeMaker) -> None:
        self._size_maker = size_maker

    def routes(self) -> list[Route]:
        """Return the routes, for the application."""
        return [Route("/derive", self.make, methods=["GET"])]

    async def make(self, request: Request) -> Response:
        """Make the size that `X-Derivative` names, such as `7b/e4….jpg/800`, and send nginx to it.

        `X-Accepts` is nginx's summary of the reader's Accept header: `avif`,
        `webp` or `plain`. If the size cannot be made now, nginx is sent to the
        picture itself. Raises NotFound for other values, and if there is no such picture.
        """
        match = _SIZE.fullmatch(request.headers.get("x-derivative", ""))
        accepts = request.headers.get("x-accepts", "")
        if match is None or accepts not in list(BestFormat):
            raise NotFound
        size = SizeRequest(Key.parse(match[1]), int(match[2]), BestFormat(accepts))
        try:
            outcome = await self._size_maker.make(size)
        except FileNotFoundError:
            raise NotFound from None
        # Constant text: X-Accel-Redirect reaches any internal location.
        return Response(headers={"X-Accel-Redirect": "/_derived" if outcome.is_there else "/_original"})
