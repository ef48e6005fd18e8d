"""The service ends also while a worker hangs."""

import asyncio
import os
import signal
from pathlib import Path

import httpx2

from authsvc.access.tokens import fingerprint
from authsvc.backends import open_backends, prepare_data_dir
from authsvc.model import Scope, Token
from authsvc.service.app import create_app
from authsvc.settings import load
from tests.support.decoder.pool import processes, run, until_asked
from tests.support.pictures import picture

TOKEN = "an upload token"


def test_service_ends_while_a_hung_worker_has_an_upload(tmp_path: Path) -> None:
    flags = {"data_dir": tmp_path / "data", "socket": tmp_path / "s", "decode_workers": 1, "decode_timeout": 300}
    settings = load(flags=flags).settings
    prepare_data_dir(settings)
    backends = open_backends(settings)
    backends.catalog.access.add_token(Token("t", fingerprint(TOKEN), Scope.UPLOAD, 0))
    backends.catalog.close()
    app = create_app(settings)

    async def act() -> None:
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:

            async def upload() -> httpx2.Response:
                file = {"file": ("a.png", picture())}
                return await client.post("/api/v1/upimg", files=file, headers={"token": TOKEN})

            async with app.router.lifespan_context(app):
                assert (await upload()).status_code == 200
                (pid,) = processes()
                os.kill(pid, signal.SIGSTOP)
                hung = asyncio.create_task(upload())
                await until_asked()
                assert not hung.done()
            answer = await hung
            assert (answer.status_code, answer.json()["code"]) == (502, "unavailable")
        assert processes() == set()

    run(act)
