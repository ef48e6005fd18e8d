"""All headers of allowed, denied and missing answers."""

import pytest

from tests.support.nginx.wire import Answer, Headers, Wire
from tests.support.stack import Stack

VERDICT_HEADERS = "Referer, Origin, Sec-Fetch-Site, Sec-Fetch-Mode, Sec-Fetch-Dest, User-Agent"
ABSENT = "/00/000000000000000000000000000000.png"
STRANGER = {"Referer": "http://stranger.example/post"}
HARMLESS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
LOCAL_PAGE = [("Referer", "http://localhost:1313/post/")]


def spellings(path: str) -> tuple[str, ...]:
    """A picture's canonical, old, and escaped old address."""
    return path, f"/?path={path}", f"/?path={path.replace('/', '%2F')}"


def named(answer: Answer) -> dict[str, str]:
    """Return the headers that the design is about; none may come twice."""
    ordinary = {"Server", "Date", "Connection", "Content-Length", "Content-Type"}
    found = [line for line in answer.lines if line[0] not in ordinary]
    assert len(found) == len(dict(found))
    return dict(found)


@pytest.mark.parametrize("number", [0, 1, 2], ids=["canonical", "old", "escaped old"])
def test_allowed_answer_has_exactly_the_designed_headers(wire: Wire, path: str, number: int) -> None:
    answer = wire.ask(spellings(path)[number], LOCAL_PAGE)
    found = named(answer)
    assert found.pop("ETag").startswith('"')
    assert found.pop("Last-Modified").endswith(" GMT")
    assert (answer.status, found) == (
        200,
        HARMLESS
        | {
            "Cache-Control": "private, max-age=31536000, immutable",
            "Vary": VERDICT_HEADERS,
            "Accept-Ranges": "bytes",
        },
    )


@pytest.mark.parametrize("number", [0, 1, 2], ids=["canonical", "old", "escaped old"])
def test_denied_answer_is_the_hotlink_picture_and_not_cacheable(
    stack: Stack, wire: Wire, path: str, number: int
) -> None:
    answer = wire.ask(spellings(path)[number], STRANGER)
    assert (answer.status, named(answer)) == (403, HARMLESS | {"Cache-Control": "no-store"})
    hotlink = stack.placeholder("hotlink.png")
    assert (answer["Content-Type"], answer.body) == ("image/png", hotlink)


@pytest.mark.parametrize("number", [0, 1, 2], ids=["canonical", "old", "escaped old"])
def test_missing_answer_is_the_missing_picture_and_not_cacheable(stack: Stack, wire: Wire, number: int) -> None:
    answer = wire.ask(spellings(ABSENT)[number], LOCAL_PAGE)
    assert (answer.status, named(answer)) == (404, HARMLESS | {"Cache-Control": "no-store"})
    missing = stack.placeholder("missing.png")
    assert (answer["Content-Type"], answer.body) == ("image/png", missing)


PROBES: dict[str, Headers] = {
    "plain": [],
    "a range": [("Range", "bytes=0-3")],
    "several ranges": [("Range", "bytes=0-3,5-6")],
    "a range beyond the end": [("Range", "bytes=999999-")],
    "any etag": [("If-None-Match", "*")],
    "an etag of the picture": [("If-None-Match", "ETAG")],
    "a far date": [("If-Modified-Since", "Fri, 31 Dec 2100 23:59:59 GMT")],
    "a precondition that fails": [("If-Match", '"x"')],
    "an old date that must hold": [("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT")],
    "a range with its etag": [("Range", "bytes=0-3"), ("If-Range", "ETAG")],
    "compression": [("Accept-Encoding", "gzip, br")],
}


@pytest.mark.parametrize("probe", PROBES.values(), ids=PROBES.keys())
def test_denied_answer_is_the_same_whether_or_not_the_picture_exists(wire: Wire, path: str, probe: Headers) -> None:
    etag = wire.ask(path)["ETag"]
    headers = [("Referer", "http://stranger.example/"), *((name, value.replace("ETAG", etag)) for name, value in probe)]
    answers = [wire.ask(target, headers) for target in (*spellings(path), *spellings(ABSENT))]
    assert {answer.facts for answer in answers} == {wire.ask(path, STRANGER).facts}


@pytest.mark.parametrize("probe", PROBES.values(), ids=PROBES.keys())
def test_missing_answer_is_the_same_whatever_is_asked_of_it(wire: Wire, path: str, probe: Headers) -> None:
    etag = wire.ask(path)["ETag"]
    headers = [(name, value.replace("ETAG", etag)) for name, value in probe]
    answers = [wire.ask(target, headers) for target in (*spellings(ABSENT), "/nothing", "/_auth")]
    assert {answer.facts for answer in answers} == {wire.ask(ABSENT).facts}


@pytest.mark.parametrize("number", [0, 1, 2], ids=["canonical", "old", "escaped old"])
def test_range_of_an_allowed_picture(wire: Wire, path: str, content: bytes, number: int) -> None:
    target = spellings(path)[number]
    answer = wire.ask(target, [*LOCAL_PAGE, ("Range", "bytes=1-3")])
    assert (answer.status, answer.body) == (206, content[1:4])
    assert answer["Content-Range"] == f"bytes 1-3/{len(content)}"
    whole = wire.ask(target, LOCAL_PAGE)
    assert {n: answer[n] for n in ("Vary", "ETag", *HARMLESS)} == {n: whole[n] for n in ("Vary", "ETag", *HARMLESS)}


def test_end_of_an_allowed_picture(wire: Wire, path: str, content: bytes) -> None:
    assert wire.ask(path, {"Range": "bytes=-5"}).body == content[-5:]
    assert wire.ask(path, {"Range": "bytes=5-"}).body == content[5:]


def test_several_ranges_of_an_allowed_picture(wire: Wire, path: str, content: bytes) -> None:
    answer = wire.ask(path, {"Range": "bytes=0-3,8-11"})
    assert (answer.status, answer["Content-Type"].partition(";")[0]) == (206, "multipart/byteranges")
    assert content[:4] in answer.body
    assert content[8:12] in answer.body
    assert answer.body.count(b"Content-Type: image/png") == 2


def test_range_beyond_the_end_is_not_satisfiable(wire: Wire, path: str, content: bytes) -> None:
    answer = wire.ask(path, {"Range": "bytes=999999-"})
    assert (answer.status, answer["Content-Range"]) == (416, f"bytes */{len(content)}")


def test_malformed_range_is_ignored_or_refused_but_never_partial(wire: Wire, path: str) -> None:
    for value in ("bytes=", "bytes=b-a", "lines=1-2", "bytes=3-1"):
        assert wire.ask(path, {"Range": value}).status in {200, 416}, value


def test_unchanged_etag_gives_304(wire: Wire, path: str) -> None:
    whole = wire.ask(path)
    for value in (whole["ETag"], f'"x", {whole["ETag"]}', f"W/{whole['ETag']}", "*"):
        answer = wire.ask(path, {"If-None-Match": value})
        assert (answer.status, answer.body) == (304, b""), value
        for name in ("Cache-Control", "Vary", "ETag", *HARMLESS):
            assert answer.all(name) == whole.all(name)
    assert wire.ask(path, {"If-None-Match": '"other"'}).status == 200


def test_unchanged_date_gives_304(wire: Wire, path: str) -> None:
    modified = wire.ask(path)["Last-Modified"]
    assert wire.ask(path, {"If-Modified-Since": modified}).status == 304


def test_range_for_another_etag_gives_the_whole(wire: Wire, path: str, content: bytes) -> None:
    answer = wire.ask(path, {"Range": "bytes=0-3", "If-Range": '"other"'})
    assert (answer.status, answer.body) == (200, content)


ORIGINS: dict[str, tuple[Headers, list[str]]] = {
    "no origin": ([("Referer", "http://localhost/")], []),
    "origin of the page": (
        [("Referer", "http://localhost:1313/x"), ("Origin", "http://localhost:1313")],
        ["http://localhost:1313"],
    ),
    "origin alone": ([("Origin", "http://localhost:4000")], ["http://localhost:4000"]),
    "origin over IPv6": ([("Origin", "http://[::1]:4000")], ["http://[::1]:4000"]),
    "another origin than the page": ([("Referer", "http://localhost/"), ("Origin", "http://127.0.0.1")], []),
    "a stranger's origin beside an allowed page": (
        [("Referer", "http://localhost/"), ("Origin", "http://stranger.example")],
        [],
    ),
    "an opaque origin beside an allowed page": ([("Referer", "http://localhost/"), ("Origin", "null")], []),
    "no valid origin beside an allowed page": (
        [("Referer", "http://localhost/"), ("Origin", "http://localhost/path")],
        [],
    ),
    "an editor's opaque origin": ([("Origin", "null"), ("User-Agent", "Typora/1.0")], []),
}


@pytest.mark.parametrize(("headers", "expected"), ORIGINS.values(), ids=ORIGINS.keys())
def test_only_the_allowed_page_itself_may_read_the_bytes(
    wire: Wire, path: str, headers: Headers, expected: list[str]
) -> None:
    answer = wire.ask(path, headers)
    assert (answer.status, answer.all("Access-Control-Allow-Origin")) == (200, expected)


def test_strangers_scripts_may_not_read_even_the_placeholder(wire: Wire, path: str) -> None:
    answer = wire.ask(path, {"Origin": "http://stranger.example"})
    assert (answer.status, answer.all("Access-Control-Allow-Origin")) == (403, [])


def test_no_answer_sets_a_cookie_or_allows_credentials(wire: Wire, path: str) -> None:
    for headers in ({"Origin": "http://localhost"}, STRANGER):
        answer = wire.ask(path, headers)
        assert "Set-Cookie" not in answer
        assert "Access-Control-Allow-Credentials" not in answer
