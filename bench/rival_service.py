"""A small Starlette service, as a rival: pictures by X-Accel-Redirect, and by StaticFiles.

Usage: rival_service.py BLOBS PORT
"""

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

ALLOWED = frozenset({"https://localhost/post/1"})


async def accel(request: Request) -> Response:
    """Decide by Referer, and let nginx send the file."""
    if request.headers.get("referer") not in ALLOWED:
        return Response(status_code=403)
    return Response(headers={"X-Accel-Redirect": f"/kept/{request.path_params['path']}", "Content-Type": "image/png"})


if __name__ == "__main__":
    routes = [Route("/accel/{path:path}", accel), Mount("/", StaticFiles(directory=sys.argv[1]))]
    uvicorn.run(Starlette(routes=routes), host="127.0.0.1", port=int(sys.argv[2]), access_log=False, log_level="error")
