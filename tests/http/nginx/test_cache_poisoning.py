"""Nothing that a client adds to a request changes what it or others may see."""

import re
import subprocess

import pytest

from tests.support.nginx.wire import Headers, Wire
from tests.support.stack import Stack

STRANGER = ("Referer", "http://poison.example/")
KNOWN = ("Referer", "http://localhost/")

ADDED: dict[str, Headers] = {
    "the service's own question": [("X-Embedder", "localhost"), ("X-Sites-Revision", "999999")],
    "an allowed host": [("Host", "localhost")],
    "an allowed host with a port": [("Host", "127.0.0.1:1313")],
    "forwarded host": [("X-Forwarded-Host", "localhost"), ("Forwarded", "host=localhost;for=127.0.0.1")],
    "forwarded address": [("X-Forwarded-For", "127.0.0.1"), ("X-Real-IP", "127.0.0.1")],
    "forwarded scheme": [("X-Forwarded-Proto", "https"), ("X-Forwarded-Port", "443"), ("Via", "1.1 localhost")],
    "forwarded referer": [("X-Forwarded-Referer", "http://localhost/"), ("X-Referer", "http://localhost/")],
    "misspelled referer": [("Referrer", "http://localhost/"), ("Http-Referer", "http://localhost/")],
    "headers with underscores": [("Http_Referer", "http://localhost/"), ("X_Embedder", "localhost")],
    "another address": [("X-Original-URL", "/robots.txt"), ("X-Rewrite-URL", "/robots.txt")],
    "an internal address": [("X-Accel-Redirect", "/_picture/"), ("X-Sendfile", "/etc/passwd")],
    "another method": [("X-HTTP-Method-Override", "PUT"), ("X-HTTP-Method", "DELETE")],
    "cache controls": [("Cache-Control", "no-cache"), ("Pragma", "no-cache"), ("X-Accel-Expires", "0")],
    "credentials": [("Authorization", "Basic YTpi"), ("Cookie", "a=b"), ("Token", "t")],
    "an origin": [("Origin", "http://localhost")],
    "a same-origin word": [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Mode", "navigate")],
    "an editor": [("User-Agent", "Typora/1.9")],
    "an upgrade": [("Connection", "Upgrade, Referer, X-Embedder"), ("Upgrade", "websocket")],
    "an expectation": [("Expect", "100-continue")],
    "a body": [("Content-Length", "0"), ("Content-Type", "text/plain")],
}


@pytest.mark.parametrize("number", range(len(ADDED)), ids=ADDED.keys())
def test_added_headers_do_not_admit_a_stranger(wire: Wire, path: str, number: int) -> None:
    added = list(ADDED.values())[number]
    # A stranger of its own, so that no earlier verdict is used.
    stranger = ("Referer", f"http://poison{number}.example/")
    for headers in ([stranger, *added], [*added, stranger], [stranger]):
        for target in (path, f"/?path={path}"):
            assert wire.ask(target, headers).facts == wire.ask(path, [STRANGER]).facts
    assert wire.ask(path, [STRANGER]).status == 403


@pytest.mark.parametrize("added", ADDED.values(), ids=ADDED.keys())
def test_added_headers_do_not_exclude_a_known_site(wire: Wire, path: str, content: bytes, added: Headers) -> None:
    answer = wire.ask(path, [KNOWN, *added])
    assert (answer.status, answer.body) == (200, content)


@pytest.mark.parametrize("name", ["Referer", "Origin"])
def test_of_two_headers_the_first_counts_for_map_cache_and_service(wire: Wire, path: str, name: str) -> None:
    def value(host: str) -> tuple[str, str]:
        return name, f"http://{host}/" if name == "Referer" else f"http://{host}"

    # Newer versions join both into a value that the grammar refuses.
    joins = _nginx_version() >= (1, 23)
    for _ in range(2):
        known_first = wire.ask(path, [value("localhost"), value("twice.example")])
        stranger_first = wire.ask(path, [value("twice.example"), value("localhost")])
        assert (known_first.status, stranger_first.status) == (403 if joins else 200, 403)
        assert wire.ask(path, [value("twice.example")]).status == 403
        assert wire.ask(path, [value("localhost")]).status == 200


def _nginx_version() -> tuple[int, ...]:
    said = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr
    found = re.search(r"nginx/(\d+)\.(\d+)", said)
    assert found is not None
    return int(found[1]), int(found[2])


def strangers_judged(stack: Stack) -> float:
    """Return how many verdicts on strangers the service has given."""
    text = stack.ask_service("/metrics").text
    found = re.search(r'^authsvc_verdicts_total\{reason="stranger"\} ([0-9.]+)$', text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_one_stranger_is_asked_about_once_whatever_else_differs(stack: Stack, wire: Wire, path: str) -> None:
    assert wire.ask(path, {"Referer": "http://once.example/"}).status == 403
    before = strangers_judged(stack)
    for number in range(20):
        headers = {
            "Referer": f"https://once.example:{1 + number}/{number}",
            "Host": f"h{number}.example",
            "User-Agent": f"agent {number}",
            "Cookie": f"c={number}",
            "Accept": f"image/{number}",
        }
        assert wire.ask(path if number % 2 else f"/?path={path}", headers).status == 403
        assert wire.ask("/00/000000000000000000000000000000.png", headers).status == 403
    # The answer may have been renewed meanwhile, after its ten seconds.
    assert strangers_judged(stack) <= before + 2


def test_map_answers_known_sites_without_the_service(stack: Stack, wire: Wire, path: str) -> None:
    before = strangers_judged(stack)
    for host in ("localhost", "127.0.0.1", "[::1]"):
        assert wire.ask(path, {"Referer": f"http://{host}/"}).status == 200
    assert wire.ask(path).status == 200
    assert strangers_judged(stack) == before
