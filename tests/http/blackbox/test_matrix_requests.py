"""The request matrix, third page: methods, ranges, conditions, versions, and broken requests."""

import pytest

from tests.support.blackbox.matrix import (
    ABSENT,
    BLOG,
    CLOSED,
    HOTLINK,
    MISSING,
    NOTHING,
    OWN_PAGE,
    PART,
    PICTURE,
    STRANGER,
    TEXT,
    UPLOAD,
    Row,
    Scene,
)
from tests.support.nginx.wire import Wire

FAR, LONG_AGO = "Fri, 31 Dec 2100 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"
READS = {"Allow": "GET, HEAD"}
WRITES = {"Allow": "POST, OPTIONS"}

ROWS = (
    # Methods on a picture.
    Row("HEAD is GET without the bytes", "HEAD", "{path}", {}, 200, PICTURE),
    Row("HEAD by a stranger", "HEAD", "{path}", STRANGER, 403, HOTLINK),
    Row("HEAD of nothing", "HEAD", ABSENT, {}, 404, MISSING),
    Row("HEAD of the old address", "HEAD", "/?path={path}", {}, 200, PICTURE),
    Row("HEAD of the escaped old address", "HEAD", "/?path={escaped}", {}, 200, PICTURE),
    Row("POST to a picture", "POST", "{path}", {"Content-Length": "0"}, 405, TEXT, READS),
    Row("PUT of a picture", "PUT", "{path}", {"Content-Length": "0"}, 405, TEXT, READS),
    Row("DELETE of a picture", "DELETE", "{path}", {}, 405, TEXT, READS),
    Row("PATCH of a picture", "PATCH", "{path}", {}, 405, TEXT, READS),
    Row("OPTIONS of a picture allows no preflight", "OPTIONS", "{path}", {"Origin": "https://blog.example.com"},
        405, TEXT, {**READS, "Access-Control-Allow-Origin": None, "Access-Control-Allow-Headers": None}),
    Row("PURGE of a picture", "PURGE", "{path}", {}, 405, TEXT, READS),
    Row("PROPFIND of a picture", "PROPFIND", "{path}", {}, 405, TEXT, READS),
    Row("MOVE of a picture", "MOVE", "{path}", {"Destination": "/x"}, 405, TEXT, READS),
    Row("TRACE shows no header", "TRACE", "{path}", {"Cookie": "a=b"}, 405, TEXT, READS),
    Row("CONNECT to another server", "CONNECT", "stranger.example:443", {}, 400, "bad_request"),
    Row("an unknown method", "BREW", "{path}", {}, 405, TEXT, READS),
    Row("a method in lower case", "get", "{path}", {}, 400, "bad_request"),
    Row("a stranger's DELETE", "DELETE", "{path}", STRANGER, 405, TEXT, READS),
    Row("DELETE where nothing is stored", "DELETE", ABSENT, {}, 405, TEXT, READS),
    Row("POST to the old address", "POST", "/?path={path}", {"Content-Length": "0"}, 405, TEXT, READS),
    Row("DELETE at the escaped old address", "DELETE", "/?path={escaped}", {}, 405, TEXT, READS),
    Row("POST to an address that does not exist", "POST", "/nothing", {"Content-Length": "0"}, 404, MISSING),
    Row("DELETE overridden as GET", "DELETE", "{path}", {"X-HTTP-Method-Override": "GET"}, 405, TEXT, READS),
    Row("GET overridden as DELETE", "GET", "{path}", {"X-HTTP-Method-Override": "DELETE"}, 200, PICTURE),
    Row("GET overridden in the query string", "GET", "{path}?_method=DELETE", {}, 404, MISSING),
    Row("GET with a body", "GET", "{path}", {"Content-Length": "0"}, 200, PICTURE),
    Row("DELETE of robots.txt", "DELETE", "/robots.txt", {}, 405, TEXT, READS),
    Row("POST to the favicon", "POST", "/favicon.ico", {"Content-Length": "0"}, 405, TEXT, READS),
    Row("DELETE of the root", "DELETE", "/", {}, 405, TEXT, READS),
    # Methods on the upload address.
    Row("GET of the upload address", "GET", UPLOAD, {}, 405, "method_not_allowed", WRITES),
    Row("PUT of the upload address", "PUT", UPLOAD, {"token": "{token}"}, 405, "method_not_allowed", WRITES),
    Row("DELETE of the upload address", "DELETE", UPLOAD, {"token": "{token}"}, 405, "method_not_allowed", WRITES),
    Row("TRACE of the upload address", "TRACE", UPLOAD, {"token": "{token}"}, 405, "method_not_allowed", WRITES),
    Row("GET of the upload overridden as POST", "GET", UPLOAD,
        {"token": "{token}", "X-HTTP-Method-Override": "POST"}, 405, "method_not_allowed", WRITES),
    Row("another API address", "POST", "/api/v1/other", {"Content-Length": "0"}, 404, "not_found"),
    Row("another API version", "POST", "/api/v2/upimg", {"Content-Length": "0"}, 404, "not_found"),
    Row("the upload address with a slash behind", "POST", f"{UPLOAD}/", {"Content-Length": "0"}, 404, "not_found"),
    Row("the upload address in capitals", "POST", "/api/v1/UPIMG", {"Content-Length": "0"}, 404, "not_found"),
    # Ranges.
    Row("a range", "GET", "{path}", {"Range": "bytes=0-3"}, 206, PART, {"ETag": "{etag}"}),
    Row("a range beyond the end", "GET", "{path}", {"Range": "bytes=999999-"}, 416, OWN_PAGE),
    Row("a range in another unit", "GET", "{path}", {"Range": "lines=1-2"}, 200, PICTURE),
    Row("a range for another version", "GET", "{path}", {"Range": "bytes=0-3", "If-Range": '"x"'}, 200, PICTURE),
    Row("a stranger's range", "GET", "{path}", {**STRANGER, "Range": "bytes=0-3"}, 403, HOTLINK),
    Row("a stranger's range beyond the end", "GET", "{path}", {**STRANGER, "Range": "bytes=9999999-"}, 403, HOTLINK),
    Row("a range of nothing", "GET", ABSENT, {"Range": "bytes=0-3"}, 404, MISSING),
    # Conditions.
    Row("the known version", "GET", "{path}", {"If-None-Match": "{etag}"}, 304, NOTHING, {"ETag": "{etag}"}),
    Row("any version", "GET", "{path}", {"If-None-Match": "*"}, 304, NOTHING),
    Row("another version", "GET", "{path}", {"If-None-Match": '"x"'}, 200, PICTURE),
    Row("not changed since then", "GET", "{path}", {"If-Modified-Since": "{modified}"}, 304, NOTHING),
    Row("only if it is another version", "GET", "{path}", {"If-Match": '"x"'}, 412, OWN_PAGE),
    Row("a site's known version", "GET", "{path}", {**BLOG, "If-None-Match": "{etag}"}, 304, NOTHING),
    Row("a stranger's known version", "GET", "{path}", {**STRANGER, "If-None-Match": "{etag}"}, 403, HOTLINK),
    Row("a stranger's any version", "GET", "{path}", {**STRANGER, "If-None-Match": "*"}, 403, HOTLINK),
    Row("a stranger's date", "GET", "{path}", {**STRANGER, "If-Modified-Since": FAR}, 403, HOTLINK),
    Row("a stranger's precondition", "GET", "{path}", {**STRANGER, "If-Match": '"x"'}, 403, HOTLINK),
    Row("a stranger's old date", "GET", "{path}", {**STRANGER, "If-Unmodified-Since": LONG_AGO}, 403, HOTLINK),
    Row("any version of nothing", "GET", ABSENT, {"If-None-Match": "*"}, 404, MISSING),
    Row("a far date of nothing", "GET", ABSENT, {"If-Modified-Since": FAR}, 404, MISSING),
    # What is sent is never encoded, and nothing else of a request matters.
    Row("compression", "GET", "{path}", {"Accept-Encoding": "gzip, br"}, 200, PICTURE, {"Content-Encoding": None}),
    Row("another accepted type", "GET", "{path}", {"Accept": "text/html"}, 200, PICTURE, {"Content-Type": "image/png"}),
    Row("a cookie", "GET", "{path}", {"Cookie": "a=b"}, 200, PICTURE),
    Row("a password", "GET", "{path}", {**STRANGER, "Authorization": "Bearer {token}"}, 403, HOTLINK),
    Row("an upload's token", "GET", "{path}", {**STRANGER, "token": "{token}"}, 403, HOTLINK),
    Row("no cache, please", "GET", "{path}", {**STRANGER, "Cache-Control": "no-cache"}, 403, HOTLINK),
    Row("an upgrade", "GET", "{path}", {"Connection": "Upgrade", "Upgrade": "h2c"}, 200, PICTURE),
    # Versions.
    Row("a stranger by HTTP/1.0", "GET", "{path}", STRANGER, 403, HOTLINK, version="HTTP/1.0"),
    Row("a stranger by HTTP/0.9", "GET", "{path}", STRANGER, 0, CLOSED, version=""),
    # Requests that nobody can read.
    Row("a NUL in the Referer", "GET", "{path}", {"Referer": "https://blog.example.com/\0"}, 400, "bad_request"),
    Row("two hosts", "GET", "{path}", {"Host": "localhost"}, 400, "bad_request"),
    Row("two lengths", "GET", "{path}", (("Content-Length", "0"), ("Content-Length", "1")), 400, "bad_request"),
    Row("a length and chunks", "GET", "{path}", {"Content-Length": "1", "Transfer-Encoding": "chunked"},
        400, "bad_request"),
    Row("an unknown coding", "POST", UPLOAD, {"Transfer-Encoding": "xchunked"}, 400, "bad_request"),
    Row("a header of 9,000 bytes", "GET", "{path}", {"X": "{long}"}, 431, "headers_too_large"),
    Row("a Referer of 9,000 bytes", "GET", "{path}", {"Referer": "https://blog.example.com/{long}"},
        431, "headers_too_large"),
)  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.behaviour)
def test_request(scene: Scene, wire: Wire, row: Row) -> None:
    scene.check(row, scene.send(row, wire))
