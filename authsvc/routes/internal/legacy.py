"""Spellings of the 2018 script's read address that nginx passes on to the service."""

import re
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from authsvc.errors import NotFound
from authsvc.model import KEY_PATH_PATTERN, Key

_PATH: Final = re.compile(f"/?{KEY_PATH_PATTERN}")


async def legacy(request: Request) -> Response:
    """Send nginx to the picture that `?path=` names; nginx then asks for the verdict.

    Raises NotFound unless `path` is the only parameter and a key's path.
    """
    parameters = request.query_params.multi_items()
    if len(parameters) != 1 or parameters[0][0] != "path" or not _PATH.fullmatch(parameters[0][1]):
        raise NotFound
    # Built from the parsed key, not from the request: X-Accel-Redirect reaches any internal location.
    key = Key.parse(parameters[0][1])
    return Response(headers={"X-Accel-Redirect": f"/_picture{key.path}"})


LEGACY_ROUTES: Final = [Route("/legacy", legacy, methods=["GET"])]
