"""The request matrix, last page: how an upload carries its token, and which pages may send one."""

import pytest

from tests.support.blackbox.matrix import BLOG, HIDING, NOTHING, STORED, STRANGER, UPLOAD, Row, Scene
from tests.support.nginx.wire import Headers, Wire

BEARER = {"WWW-Authenticate": "Bearer"}


def stored(behaviour: str, headers: dict[str, str] | Headers, target: str = UPLOAD) -> Row:
    """An upload with these headers is accepted."""
    return Row(behaviour, "POST", target, headers, 200, STORED, uploads=True)


def refused(behaviour: str, headers: dict[str, str] | Headers, target: str = UPLOAD) -> Row:
    """An upload with these headers has no valid token."""
    return Row(behaviour, "POST", target, headers, 401, "bad_token", BEARER, uploads=True)


ROWS = (
    stored("the header `token`", {"token": "{token}"}),
    stored("in capitals", {"TOKEN": "{token}"}),
    stored("with spaces around", {"token": "  {token}  "}),
    stored("as a bearer", {"Authorization": "Bearer {token}"}),
    stored("as a bearer in lower case", {"authorization": "bearer {token}"}),
    stored("`token` counts before the bearer", {"token": "{token}", "Authorization": "Bearer nonsense"}),
    stored("an empty `token` beside a bearer", {"token": "", "Authorization": "Bearer {token}"}),
    stored("a stranger's page with a token", {**STRANGER, "token": "{token}"}),
    stored("a page that hides its Referer, with a token", {**HIDING, "token": "{token}"}),
    stored("a query string beside the token", {"token": "{token}"}, f"{UPLOAD}?from=mweb"),
    refused("no token", {}),
    refused("an empty token", {"token": ""}),
    refused("a wrong token", {"token": "asv_wrong"}),
    refused("a wrong token before a good bearer", {"token": "asv_wrong", "Authorization": "Bearer {token}"}),
    refused("a token with a letter more", {"token": "{token}x"}),
    refused("a token in capitals", {"token": "ASV{token}"}),
    refused("two tokens, the first one wrong", (("token", "asv_wrong"), ("token", "{token}"))),
    refused("two tokens in one header", {"token": "{token}, asv_wrong"}),
    refused("the bearer's word left out", {"Authorization": "{token}"}),
    refused("another scheme", {"Authorization": "Basic {token}"}),
    refused("a token in the query string", {}, f"{UPLOAD}?token={{token}}"),
    refused("a token in a cookie", {"Cookie": "token={token}"}),
    refused("a token for a proxy", {"Proxy-Authorization": "Bearer {token}"}),
    refused("a token in another header", {"X-Auth-Token": "{token}", "X-Token": "{token}"}),
    refused("a token in CGI's name of the header", {"HTTP_TOKEN": "{token}", "HTTP_AUTHORIZATION": "Bearer {token}"}),
    refused("a token with an underscore", {"token_": "{token}", "_token": "{token}"}),
    refused("headers that claim that the token is good", {"X-Accel-Redirect": UPLOAD, "X-Original-Status": "204"}),
    refused("a site's page without a token", BLOG),
    Row("a token for something else", "POST", UPLOAD, {"token": "{admin}"}, 403, "scope", uploads=True),
    Row("a wrong token without a body", "POST", UPLOAD, {"token": "x", "Content-Length": "0"},
        401, "bad_token", BEARER),
    Row("a good token without a body", "POST", UPLOAD, {"token": "{token}", "Content-Length": "0"}, 400,
        "bad_multipart"),
    Row("1 GB of body, before its token is checked", "POST", UPLOAD,
        {"token": "x", "Content-Length": str(2**30), "Expect": "100-continue"}, 413, "too_large"),
    Row("a preflight", "OPTIONS", UPLOAD,
        {"Origin": "https://blog.example.com", "Access-Control-Request-Method": "POST"}, 204, NOTHING,
        {"Access-Control-Allow-Origin": "https://blog.example.com"}),
    Row("a stranger's preflight", "OPTIONS", UPLOAD,
        {"Origin": "https://stranger.example", "Access-Control-Request-Method": "POST"}, 204, NOTHING,
        {"Access-Control-Allow-Origin": None, "Access-Control-Allow-Headers": None}),
)  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.behaviour)
def test_upload(scene: Scene, wire: Wire, row: Row) -> None:
    scene.check(row, scene.send(row, wire))
