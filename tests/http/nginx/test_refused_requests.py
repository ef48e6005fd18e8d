"""Methods other than GET and HEAD, and requests that nginx cannot parse."""

import http.client
import json

import pytest

from tests.support.nginx.wire import Wire
from tests.support.stack import Stack

OTHER_METHODS = ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "TRACE", "CONNECT", "BREW")
STRANGER = {"Referer": "http://stranger.example/"}


def test_head_is_get_without_the_bytes(wire: Wire, path: str) -> None:
    for target in (path, f"/?path={path}", f"/?path={path.replace('/', '%2F')}", "/nothing"):
        for headers in ({}, STRANGER):
            whole = wire.ask(target, headers)
            head = wire.ask(target, headers, method="HEAD")
            assert head.facts == (whole.status, whole.facts[1], b""), target


@pytest.mark.parametrize("method", OTHER_METHODS)
def test_other_methods_get_the_allowed_ones(wire: Wire, path: str, method: str) -> None:
    for target in (path, f"/?path={path}", f"/?path={path.replace('/', '%2F')}", "/"):
        answer = wire.ask(target, {"Content-Length": "0"}, method=method)
        assert (answer.status, answer["Allow"], answer["Cache-Control"]) == (405, "GET, HEAD", "no-store")
        assert answer["Content-Type"] == "text/plain"


@pytest.mark.parametrize("method", OTHER_METHODS)
def test_other_methods_learn_nothing_about_what_is_stored(wire: Wire, path: str, method: str) -> None:
    there, missing = (wire.ask(target, method=method) for target in (path, "/00/000000000000000000000000000000.png"))
    assert there.facts == missing.facts


def test_reader_without_headers_gets_nothing_at_all(stack: Stack, path: str) -> None:
    # HTTP/0.9 has no headers that name the embedder; also for the old address.
    for target in (path, f"/?path={path}", "/robots.txt"):
        with Wire(stack.port) as connection, pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
            connection.send(f"GET {target}\r\n".encode())


def test_http_1_0_is_served(stack: Stack, path: str, content: bytes) -> None:
    with Wire(stack.port) as connection:
        answer = connection.send(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        denied = connection.send(f"GET {path} HTTP/1.0\r\nReferer: http://stranger.example/\r\n\r\n".encode())
    assert (answer.status, answer.body, denied.status) == (200, content, 403)


# The start of the request; {path} is a picture's, host and end are added.
MALFORMED = {
    "NUL in the address": ("GET {path}%00 HTTP/1.1\r\n", 400, "bad_request"),
    "bad escape": ("GET {path}%zz HTTP/1.1\r\n", 400, "bad_request"),
    "climbing out": ("GET /../../../etc/passwd HTTP/1.1\r\n", 400, "bad_request"),
    "climbing out, escaped": ("GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n", 400, "bad_request"),
    "climbing out of an acme challenge": (
        "GET /.well-known/acme-challenge/../../../x HTTP/1.1\r\n",
        400,
        "bad_request",
    ),
    "negative length": ("GET {path} HTTP/1.1\r\nContent-Length: -1\r\n", 400, "bad_request"),
    "length and chunks": (
        "GET {path} HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        400,
        "bad_request",
    ),
    "NUL in a header": ("GET {path} HTTP/1.1\r\nReferer: http://localhost/\0\r\n", 400, "bad_request"),
    "header of 9,000 bytes": ("GET {path} HTTP/1.1\r\nX: {long}\r\n", 431, "headers_too_large"),
    "40,000 bytes of headers": ("GET {path} HTTP/1.1\r\n{many}", 431, "headers_too_large"),
    "address of 9,000 bytes": ("GET {path}{long} HTTP/1.1\r\n", 431, "headers_too_large"),
    "old address of 9,000 bytes": ("GET /?path={long} HTTP/1.1\r\n", 431, "headers_too_large"),
    "upload address of 9,000 bytes": ("POST /api/v1/upimg?{long} HTTP/1.1\r\n", 431, "headers_too_large"),
    "method in lower case": ("get {path} HTTP/1.1\r\n", 400, "bad_request"),
    "no address": ("GET * HTTP/1.1\r\n", 400, "bad_request"),
    "unknown protocol": ("GET {path} FTP/1.1\r\n", 400, "bad_request"),
    "unknown protocol on an upload": ("POST /api/v1/upimg FTP/1.1\r\n", 400, "bad_request"),
}


@pytest.mark.parametrize(("start", "status", "code"), MALFORMED.values(), ids=MALFORMED.keys())
def test_request_that_nginx_cannot_read_is_answered_in_json(
    wire: Wire, path: str, start: str, status: int, code: str
) -> None:
    many = "".join(f"X-{number}: {'a' * 1000}\r\n" for number in range(40))
    head = start.format(path=path, long="a" * 9000, many=many)
    answer = wire.send(f"{head}Host: img.example.net\r\n\r\n".encode())
    assert (answer.status, answer["Content-Type"]) == (status, "application/json")
    assert json.loads(answer.body)["code"] == code
    assert answer["Cache-Control"] == "no-store"


def test_missing_host_is_answered_in_json(wire: Wire, path: str) -> None:
    answer = wire.send(f"GET {path} HTTP/1.1\r\n\r\n".encode())
    assert (answer.status, json.loads(answer.body)["code"]) == (400, "bad_request")


def test_two_hosts_are_answered_in_json(wire: Wire, path: str) -> None:
    answer = wire.ask(path, [("Host", "a.example"), ("Host", "b.example")])
    assert (answer.status, json.loads(answer.body)["code"]) == (400, "bad_request")


def test_newer_protocol_is_refused_and_says_nothing_of_the_picture(wire: Wire, path: str, content: bytes) -> None:
    # nginx cannot send our body with a 505.
    answer = wire.send(f"GET {path} HTTP/2.0\r\nHost: img.example.net\r\n\r\n".encode())
    assert answer.status == 505
    assert content not in answer.body


def test_nginx_does_not_tell_its_version(wire: Wire, path: str) -> None:
    for target in (path, "/nothing", f"{path}%zz"):
        assert wire.ask(target)["Server"] == "nginx"
