"""What nginx's files need about each upload API: its addresses, and nginx's own refusals in its JSON."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from authsvc.clients.port import Client
from authsvc.clients.table import CLIENTS, FALLBACK
from authsvc.errors import NGINX_REFUSALS, NginxRefusal


@dataclass(frozen=True, slots=True)
class _Refusal:
    """An answer of nginx, at the internal address `/_error/<client>/<code>`; texts are quoted for nginx."""

    code: str
    status: int
    nginx_statuses: str
    headers: dict[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """An upload API as the templates need it. `token_headers` are names, with nginx's variables."""

    name: str
    used_by: str
    paths: tuple[str, ...]
    methods: str
    token_headers: dict[str, str]
    has_token_before_body: bool
    refusals: list[_Refusal]


def uploads_context(*, max_upload_bytes: int, clients: Iterable[Client] = CLIENTS) -> dict[str, object]:
    """Return what the templates read about uploads."""
    return {
        "clients": [_endpoint(client, max_upload_bytes) for client in clients],
        "fallback_client": FALLBACK.name,
    }


def _endpoint(client: Client, max_upload_bytes: int) -> _Endpoint:
    return _Endpoint(
        name=client.name,
        used_by=", ".join(client.used_by),
        paths=client.paths,
        methods="|".join(client.methods),
        token_headers={place.name: f"$http_{place.name.lower().replace('-', '_')}" for place in client.token_headers},
        has_token_before_body=client.has_token_before_body,
        refusals=[_refusal(client, refusal, max_upload_bytes) for refusal in NGINX_REFUSALS],
    )


def _refusal(client: Client, refusal: NginxRefusal, max_upload_bytes: int) -> _Refusal:
    error = refusal.error(limit_bytes=max_upload_bytes)
    answer = client.failure(error)
    return _Refusal(
        code=error.code,
        status=answer.status,
        nginx_statuses=" ".join(map(str, refusal.statuses)),
        headers={name: _quoted(value) for name, value in answer.headers.items()},
        body=_quoted(json.dumps(answer.content, ensure_ascii=False)),
    )


def _quoted(text: str) -> str:
    """Quote `text` for nginx, which has no way to write a literal dollar."""
    if "$" in text:
        msg = f"nginx would read a variable in {text!r}"
        raise ValueError(msg)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
