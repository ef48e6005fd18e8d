"""Headers that other servers read do not matter here."""

from collections.abc import Mapping

import pytest

from tests.support.blackbox.matrix import ABSENT, BLOG, HIDING, STRANGER, UPLOAD, Row, Scene
from tests.support.nginx.wire import Answer, Wire

ALLOWED = "https://blog.example.com/"

# Each set would change the answer, if anything between client and verdict respected it.
ALIASES: dict[str, dict[str, str]] = {
    "X-Forwarded-Host": {"X-Forwarded-Host": "blog.example.com"},
    "X-Forwarded-For": {"X-Forwarded-For": "127.0.0.1, ::1"},
    "X-Forwarded-Proto": {"X-Forwarded-Proto": "https", "X-Forwarded-Ssl": "on", "Front-End-Https": "on"},
    "X-Forwarded-Port": {"X-Forwarded-Port": "443"},
    "X-Forwarded-Server": {"X-Forwarded-Server": "localhost"},
    "X-Forwarded-Scheme": {"X-Forwarded-Scheme": "file", "X-Scheme": "file"},
    "X-Forwarded-Prefix": {"X-Forwarded-Prefix": "/_picture", "X-Script-Name": "/_picture"},
    "X-Forwarded-Path": {"X-Forwarded-Path": "/robots.txt", "X-Forwarded-Uri": "/robots.txt"},
    "X-Forwarded-Method": {"X-Forwarded-Method": "DELETE"},
    "X-Forwarded-Referer": {"X-Forwarded-Referer": ALLOWED, "X-Referer": ALLOWED, "X-Original-Referer": ALLOWED},
    "Forwarded": {"Forwarded": 'for="[::1]";host=blog.example.com;proto=https;by=127.0.0.1'},
    "Via": {"Via": "1.1 localhost", "X-Via": "localhost"},
    "addresses of clients": dict.fromkeys(
        ("X-Real-IP", "X-Client-IP", "Client-IP", "True-Client-IP", "CF-Connecting-IP",
         "X-Cluster-Client-IP", "X-Remote-Addr", "X-Originating-IP", "Fastly-Client-IP"), "127.0.0.1"
    ),
    "X-Original-URL": {"X-Original-URL": "/robots.txt"},
    "X-Original-URL of a picture": {"X-Original-URL": "{path}"},
    "X-Original-URL of an old address": {"X-Original-URL": "/?path={path}"},
    "X-Original-URI": {"X-Original-URI": "/robots.txt"},
    "X-Original-URI of a picture": {"X-Original-URI": "{path}"},
    "X-Original-URI of an old address": {"X-Original-URI": "/?path={path}"},
    "X-Original-Method": {"X-Original-Method": "DELETE"},
    "X-Rewrite-URL": {"X-Rewrite-URL": "/robots.txt"},
    "X-Rewrite-URL of a picture": {"X-Rewrite-URL": "{path}"},
    "X-Rewrite-URL of an old address": {"X-Rewrite-URL": "/?path={path}"},
    "X-Host": {"X-Host": "blog.example.com", "X-HTTP-Host-Override": "blog.example.com"},
    "X-HTTP-Method-Override": {"X-HTTP-Method-Override": "DELETE", "X-HTTP-Method": "PUT", "X-Method-Override": "PUT"},
    "X-Accel-Redirect": {"X-Accel-Redirect": "/_placeholder/hotlink"},
    "X-Accel-Redirect to a picture": {"X-Accel-Redirect": "/_picture{path}"},
    "other X-Accel": {"X-Accel-Expires": "86400", "X-Accel-Buffering": "no", "X-Accel-Limit-Rate": "1",
                      "X-Accel-Charset": "utf-7"},
    "X-Sendfile": {"X-Sendfile": "/etc/passwd", "X-LIGHTTPD-send-file": "/etc/passwd"},
    "the service's own questions": {"X-Embedder": "blog.example.com", "X-Sites-Revision": "999999999",
                                    "X-Known": "1"},
    "the service's own answers": {"X-Verdict": "allow", "X-Authsvc-Verdict": "allow", "X-Authsvc-Explain": "x"},
    "Referer with an underscore": {"Referer_": ALLOWED, "_Referer": ALLOWED},
    "CGI's name of the Referer": {"HTTP_REFERER": ALLOWED, "Http-Referer": ALLOWED, "HTTP-REFERER": ALLOWED},
    "CGI's name of the Origin": {"HTTP_ORIGIN": "https://blog.example.com", "Http-Origin": "https://blog.example.com"},
    "Sec-Fetch with underscores": {"Sec_Fetch_Site": "same-origin", "Sec_Fetch_Mode": "navigate"},
    "nginx's own names": {"Authsvc-Embedder": "blog.example.com", "authsvc_embedder": "blog.example.com",
                          "Authsvc-Known": "1"},
    "other spellings of Referer": {"Referrer": ALLOWED, "X-Referrer": ALLOWED, "Referer-Policy": "unsafe-url"},
    "other spellings of Origin": {"X-Origin": "https://blog.example.com", "Origin-Trial": "x"},
    "other editors' names": {"X-User-Agent": "Typora/1.9", "X-Original-User-Agent": "Typora/1.9",
                             "Sec-CH-UA": '"Electron";v="30"'},
    "CORS questions": {"Access-Control-Request-Method": "DELETE", "Access-Control-Request-Headers": "user-agent"},
    "proxies' caches": {"Surrogate-Capability": "a=ESI/1.0", "Cache-Control": "only-if-cached", "Pragma": "no-cache"},
    "a hop-by-hop Referer": {"Connection": "keep-alive, Referer, Origin, X-Embedder"},
    "a trailer": {"TE": "trailers", "Trailer": "Referer"},
}  # fmt: skip

HOSTS = {
    "an allowed one": "blog.example.com",
    "an allowed one with a port": "localhost:1313",
    "an address": "127.0.0.1",
    "an IPv6 address": "[::1]:80",
    "a stranger": "stranger.example",
    "one with a dot behind": "img.example.net.",
    "one in capitals": "IMG.EXAMPLE.NET",
    "one with an underscore": "_",
    "a wildcard": "*.example.org",
}

READS: dict[str, tuple[str, Mapping[str, str]]] = {
    "allowed": ("{path}", BLOG),
    "denied": ("{path}", STRANGER),
    "hidden": ("{path}", HIDING),
    "invalid": ("{path}", {"Referer": "nonsense"}),
    "without a Referer": ("{path}", {}),
    "missing": (ABSENT, BLOG),
    "denied and missing": (ABSENT, STRANGER),
    "old": ("/?path={path}", BLOG),
    "old and escaped": ("/?path={escaped}", BLOG),
    "old and denied": ("/?path={path}", STRANGER),
    "old, escaped and denied": ("/?path={escaped}", STRANGER),
    "the root": ("/", {}),
    "no address": ("/nothing", {}),
    "an upload's address": (UPLOAD, {}),
    "behind nginx": ("/_auth", {}),
}


def read(
    scene: Scene, wire: Wire, kind: str, added: Mapping[str, str], *, first: bool = False, host: str = ""
) -> Answer:
    """Read one of `READS` with further headers before or behind its own."""
    target, headers = READS[kind]
    both = {**added, **headers} if first else {**headers, **added}
    answer = scene.send(Row("", "GET", target, both, 0, "", host=host or "img.example.net"), wire)
    assert answer is not None
    return answer


@pytest.mark.parametrize("added", ALIASES.values(), ids=ALIASES.keys())
def test_headers_of_other_names_change_no_answer(scene: Scene, wire: Wire, added: dict[str, str]) -> None:
    for kind in READS:
        without = read(scene, wire, kind, {}).facts
        assert read(scene, wire, kind, added).facts == without, kind
        assert read(scene, wire, kind, added, first=True).facts == without, kind


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS.keys())
def test_host_changes_no_answer(scene: Scene, wire: Wire, host: str) -> None:
    for kind in READS:
        assert read(scene, wire, kind, {}, host=host).facts == read(scene, wire, kind, {}).facts, kind


def test_all_of_them_at_once_change_no_answer(scene: Scene, wire: Wire) -> None:
    added = {name: value for each in ALIASES.values() for name, value in each.items()}
    for kind in READS:
        assert read(scene, wire, kind, added).facts == read(scene, wire, kind, {}).facts, kind


@pytest.mark.parametrize("added", ALIASES.values(), ids=ALIASES.keys())
def test_headers_of_other_names_change_no_upload(scene: Scene, wire: Wire, added: dict[str, str]) -> None:
    for token, status in (("{token}", 200), ("asv_wrong", 401)):
        plain = {name: value for name, value in added.items() if name != "Connection"}
        answer = scene.send(Row("", "POST", UPLOAD, {"token": token, **plain}, 0, "", uploads=True), wire)
        assert answer is not None
        assert answer.status == status
        assert "X-Accel-Redirect" not in answer


def test_compared_answers_differ_from_each_other(scene: Scene, wire: Wire) -> None:
    statuses = {kind: read(scene, wire, kind, {}).status for kind in READS}
    assert set(statuses.values()) == {200, 403, 404, 405}
