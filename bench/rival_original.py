"""The 2018 script, rewritten as a rival for the benchmarks.

Sanic, one worker: the body is parsed and held in memory, the name is the md5,
the file is written with a plain `write`, without fsync; a picture is read by
`/?path=`, and sent by Python when the Referer contains an allowed text.

Usage: rival_original.py FOLDER PORT TOKEN
"""
# ruff: noqa: ASYNC230, ASYNC240 — blocking files in the loop are part of that way

import hashlib
import sys
from pathlib import Path
from typing import Any

from sanic import Request, Sanic
from sanic.response import HTTPResponse, file, json

ALLOWED = ("localhost", "127.0.0.1", "example.com")
TYPES = {"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif"}
HOTLINK = "hotlink.png"
MISSING = "missing.png"


def original(folder: Path, token: str) -> Sanic[Any, Any]:
    """Return the application that keeps its pictures in `folder`."""
    app = Sanic("original")

    @app.post("/api/v1/upimg")
    async def upload(request: Request) -> HTTPResponse:
        if request.headers.get("token") != token:
            return json({"data": "wrong token", "status": 1})
        sent = request.files.get("file") if request.files else None
        extension = sent.name.rpartition(".")[2] if sent else ""
        if sent is None or extension not in TYPES:
            return json({"data": "no picture", "status": 1})
        digest = hashlib.md5(sent.body).hexdigest()
        path = f"/{digest[:2]}/{digest[2:]}.{extension}"
        target = Path(f"{folder}{path}")
        target.parent.mkdir(exist_ok=True)
        if not target.exists():
            with target.open("wb") as kept:
                kept.write(sent.body)
        return json({"data": {"path": path}, "status": 0})

    @app.get("/")
    async def read(request: Request) -> HTTPResponse:
        referer = request.headers.get("referer")
        if referer and not any(site in referer for site in ALLOWED):
            return await file(folder / HOTLINK, status=401, mime_type="image/png")
        # The script did not look for "..", and nor does this: it is for the benchmarks alone.
        target = Path(f"{folder}/{request.args.get('path', '').lstrip('/')}")
        if not target.is_file():
            return await file(folder / MISSING, status=404, mime_type="image/png")
        return await file(target, mime_type=TYPES.get(target.suffix[1:], "image/png"))

    return app


if __name__ == "__main__":
    root = Path(sys.argv[1])
    root.mkdir(exist_ok=True)
    for name in (HOTLINK, MISSING):
        (root / name).write_bytes((Path(__file__).parents[1] / "nginx" / "placeholders" / name).read_bytes())
    original(root, sys.argv[3]).run(
        host="127.0.0.1", port=int(sys.argv[2]), single_process=True, access_log=False, motd=False
    )
