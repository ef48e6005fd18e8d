"""The application's answers to requests that nginx would have refused first."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request

from authsvc.access.tokens import fingerprint
from authsvc.backends import open_backends, prepare_data_dir
from authsvc.errors import Broken
from authsvc.model import Scope, Token
from authsvc.nginx.site_map import install_sites
from authsvc.routes.answers import on_answer_error
from authsvc.service.app import create_app
from authsvc.settings import Settings, load
from tests.support.pictures import picture

TOKEN = "an upload token of these tests"
LIMIT = 200_000


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    socket = Path("/tmp/unused.sock")
    return load(flags={"data_dir": tmp_path / "data", "socket": socket, "max_upload_bytes": LIMIT}).settings


@pytest.fixture
def app(settings: Settings) -> Starlette:
    prepare_data_dir(settings)
    backends = open_backends(settings)
    backends.catalog.access.add_token(Token("t", fingerprint(TOKEN), Scope.UPLOAD, 0))
    backends.catalog.close()
    return create_app(settings)


def ask(
    app: Starlette,
    method: str,
    path: str,
    *,
    after_start: Callable[[], None] = lambda: None,
    **options: Any,  # noqa: ANN401 — the options of the HTTP client
) -> httpx2.Response:
    """Start the application, ask it and stop it."""

    async def run() -> httpx2.Response:
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx2.AsyncClient(transport=transport, base_url="http://service") as client,
        ):
            after_start()
            return await client.request(method, path, **options)

    return asyncio.run(run())


def test_application_does_nothing_before_its_lifespan(settings: Settings) -> None:
    create_app(settings)
    assert not settings.data_dir.exists()


def test_unknown_address_is_not_found_as_json(app: Starlette) -> None:
    answer = ask(app, "GET", "/no/such")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_other_method_is_refused_with_the_allowed_ones(app: Starlette) -> None:
    answer = ask(app, "GET", "/api/v1/upimg")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert "POST" in answer.headers["allow"]


def test_legacy_address_without_a_valid_key_is_not_found(app: Starlette) -> None:
    assert ask(app, "GET", "/legacy?path=/etc/passwd").json()["code"] == "not_found"


def test_body_beyond_every_limit_is_refused_and_not_read_to_its_end(app: Starlette) -> None:
    file = {"field": (None, b"x" * 400_000), "file": ("a.png", picture())}
    answer = ask(app, "POST", "/api/v1/upimg", files=file, headers={"token": TOKEN})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_unexpected_error_is_answered_as_internal_and_unready(app: Starlette, settings: Settings) -> None:
    file = {"file": ("a.png", picture())}
    remove = settings.spool_dir.rmdir
    answer = ask(app, "POST", "/api/v1/upimg", files=file, headers={"token": TOKEN}, after_start=remove)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    ready = ask(app, "GET", "/readyz", after_start=remove)
    assert ready.status_code == 503
    assert "cannot be written" in ready.json()["problems"][0]


def test_unreadable_catalog_makes_the_service_unready(app: Starlette, settings: Settings) -> None:
    def overwrite() -> None:
        for path in settings.catalog_path.parent.iterdir():
            path.write_bytes(b"no database at all" * 1000)

    ready = ask(app, "GET", "/readyz", after_start=overwrite)
    assert ready.status_code == 503
    assert "catalog" in ready.json()["problems"][0]


@pytest.mark.parametrize("is_refused_first", [False, True], ids=["in its body", "after a refusal"])
def test_client_that_disconnects_leaves_no_file_and_no_error(
    app: Starlette, settings: Settings, *, is_refused_first: bool
) -> None:
    kind = b"text/plain" if is_refused_first else b"multipart/form-data; boundary=b"
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/upimg",
        "headers": [(b"token", TOKEN.encode()), (b"content-type", kind)],
        "query_string": b"",
    }
    coming = iter([{"type": "http.request", "body": b"--b\r\n", "more_body": True}, {"type": "http.disconnect"}])
    sent: list[Any] = []

    async def receive() -> Any:  # noqa: ANN401 — an ASGI message
        return next(coming)

    async def send(message: Any) -> None:  # noqa: ANN401 — an ASGI message
        sent.append(message)

    async def run() -> None:
        async with app.router.lifespan_context(app):
            await app(scope, receive, send)

    asyncio.run(run())
    assert sent[0]["status"] == 400
    assert list(settings.spool_dir.iterdir()) == []


def test_map_that_nginx_refuses_is_replaced_by_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "conf" / "authsvc-sites.conf"
    target.parent.mkdir()
    target.write_text("old")
    with pytest.raises(Broken, match="refuses"):
        install_sites(target.parent, "new", program="/bin/false", main_file=tmp_path / "nginx.conf")
    assert target.read_text() == "old"


def test_error_of_another_kind_is_raised_again() -> None:
    request = Request({"type": "http", "headers": []})
    with pytest.raises(ValueError, match="foreign"):
        asyncio.run(on_answer_error(request, ValueError("foreign")))
