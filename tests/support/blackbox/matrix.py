"""One row of the request matrix, and what holds for every answer of its kind."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from tests.support.nginx.wire import Answer, Headers, Wire
from tests.support.pictures import picture
from tests.support.stack import Stack

PICTURE, HOTLINK, MISSING = "the picture", "the hotlink picture", "the missing picture"
PART, OWN_PAGE, TEXT = "the picture's first four bytes", "nginx's own page", "plain text"
STORED, NOTHING, CLOSED = "an upload's envelope", "no body", "the connection's end"
"""What an answer shows; every other word in a row's place is the code of a JSON refusal."""

SITES: Final = ("blog.example.com", "*.example.org", "xn--bcher-kva.example")
"""The sites on the product's list, in addition to the local names."""
UPLOAD: Final = "/api/v1/upimg"
ABSENT: Final = "/00/000000000000000000000000000000.png"
STRANGER: Final = {"Referer": "https://stranger.example/post"}
BLOG: Final = {"Referer": "https://blog.example.com/post"}
HIDING: Final = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
VERDICT_HEADERS: Final = {"referer", "origin", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest", "user-agent"}

_HARMLESS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
# None: the header is absent.
_LAWS: Final[Mapping[str, Mapping[str, str | None]]] = {
    PICTURE: {**_HARMLESS, "Cache-Control": "private, max-age=31536000, immutable"},
    PART: {**_HARMLESS, "Cache-Control": "private, max-age=31536000, immutable"},
    HOTLINK: {
        **_HARMLESS,
        "Cache-Control": "no-store",
        **dict.fromkeys(("ETag", "Last-Modified", "Accept-Ranges", "Content-Range", "Access-Control-Allow-Origin")),
    },
    STORED: {"Cache-Control": "no-store", "Content-Type": "application/json"},
    TEXT: {"Cache-Control": "no-store", "Content-Type": "text/plain"},
}
_LAWS_OF_MISSING: Final = _LAWS[HOTLINK]
_LAWS_OF_REFUSALS: Final = {"Cache-Control": "no-store", "Content-Type": "application/json"}
_EVERYWHERE: Final = dict.fromkeys(("Set-Cookie", "Access-Control-Allow-Credentials", "X-Accel-Redirect", "Location"))

_BOUNDARY: Final = "frontier"


@dataclass(frozen=True)
class Row:
    """One request, and what is answered. `{…}` in its texts are the scene's fields."""

    behaviour: str
    method: str
    target: str
    headers: Mapping[str, str] | Headers
    status: int
    shows: str
    also: Mapping[str, str | None] = field(default_factory=dict)
    """Further headers of the answer; None: absent."""
    version: str = "HTTP/1.1"
    host: str | None = "img.example.net"
    uploads: bool = False
    """Whether the request has a form with a picture as its body."""


@dataclass(frozen=True)
class Scene:
    """What rows are about: a picture in a running product."""

    stack: Stack
    path: str
    content: bytes
    etag: str
    modified: str
    token: str
    admin: str
    hotlink: bytes
    missing: bytes

    @classmethod
    def of(cls, stack: Stack) -> Self:
        """Put a picture in, whose shard begins with a digit, for rows that escape it."""
        seed = 0
        while not (path := stack.upload(content := picture(seed=seed)))[1].isdigit():
            seed += 1
        answer = stack.get(path)
        return cls(
            stack=stack,
            path=path,
            content=content,
            etag=answer.headers["etag"],
            modified=answer.headers["last-modified"],
            token=stack.token,
            admin=stack.cli("token", "add", "matrix", "--scope", "admin").strip(),
            hotlink=stack.placeholder("hotlink.png"),
            missing=stack.placeholder("missing.png"),
        )

    def fill(self, text: str) -> str:
        """Return `text` with its placeholders filled in."""
        shard, rest = self.path[1:3], self.path[4:].removesuffix(".png")
        return text.format(
            path=self.path,
            shard=shard,
            rest=rest,
            upper=self.path.upper().removesuffix(".PNG"),
            escaped=self.path.replace("/", "%2F"),
            digit=f"%3{shard[0]}",
            second=shard[1],
            all_escaped="".join(f"%{byte:02x}" for byte in self.path.encode()),
            absent=ABSENT,
            etag=self.etag,
            modified=self.modified,
            token=self.token,
            admin=self.admin,
            long="a" * 9000,
            quite_long="a" * 4000,
        )

    def send(self, row: Row, wire: Wire) -> Answer | None:
        """Send a row's request and return its answer; None where nginx closes without one."""
        given = row.headers.items() if isinstance(row.headers, Mapping) else row.headers
        headers = [(name, self.fill(value)) for name, value in given]
        if row.host is not None:
            headers.insert(0, ("Host", row.host))
        body = b""
        if row.uploads:
            body = form(self.content)
            headers += [("Content-Type", f"multipart/form-data; boundary={_BOUNDARY}")]
            headers += [("Content-Length", str(len(body)))]
        start = f"{row.method} {self.fill(row.target)} {row.version}".rstrip()
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n" if row.version else ""
        try:
            return wire.send(f"{start}\r\n{lines}".encode("latin-1") + body)
        except (http.client.RemoteDisconnected, ConnectionError):
            return None

    def check(self, row: Row, answer: Answer | None) -> None:
        """Fail unless the answer is what the row and its kind of answer require."""
        if row.shows == CLOSED:
            assert answer is None
            return
        assert answer is not None, "the connection was closed"
        shown = self.name_of(answer, method=row.method)
        assert (answer.status, shown) == (row.status, row.shows)
        for name, value in {**_EVERYWHERE, **laws_of(row.shows), **row.also}.items():
            wanted = set() if value is None else {self.fill(value)}
            assert set(answer.all(name)) == wanted, name
        if row.shows == PICTURE:
            # A size also depends on the formats that the reader accepts.
            read = VERDICT_HEADERS | ({"accept"} if "?w=" in row.target else set())
            assert {part.strip().lower() for part in answer["Vary"].split(",")} == read
            assert answer["ETag"] == self.etag

    def name_of(self, answer: Answer, *, method: str = "GET") -> str:
        """Return what an answer shows, in a row's words."""
        bodies = {self.content: PICTURE, self.content[:4]: PART, self.hotlink: HOTLINK, self.missing: MISSING}
        if method == "HEAD":
            lengths = {str(len(body)): name for body, name in bodies.items()}
            return lengths.get(answer["Content-Length"], "a body of another length")
        if not answer.body:
            return NOTHING
        if answer["Content-Type"] == "application/json":
            said = json.loads(answer.body)
            return STORED if said["status"] == 0 else str(said["code"])
        words = {"text/plain": TEXT, "text/html": OWN_PAGE}
        return words.get(answer["Content-Type"]) or bodies.get(answer.body, "something else")


def laws_of(shows: str) -> Mapping[str, str | None]:
    """Return the headers that every answer of this kind has, or (None) has not."""
    if shows in {NOTHING, OWN_PAGE}:
        return {}
    return _LAWS_OF_MISSING if shows == MISSING else _LAWS.get(shows, _LAWS_OF_REFUSALS)


def form(content: bytes) -> bytes:
    """Return a form with one file."""
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    return head.encode() + content + f"\r\n--{_BOUNDARY}--\r\n".encode()
