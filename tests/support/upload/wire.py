"""HTTP as bytes on a socket, for what a well-behaved client cannot send."""

import json
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import httpx2

from tests.support.stack import Stack

UPLOAD_PATH = "/api/v1/upimg"
BOUNDARY = "frontier"
FORM_TYPE = f"multipart/form-data; boundary={BOUNDARY}"


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def parse(cls, received: bytes) -> Self:
        head, separator, body = received.partition(b"\r\n\r\n")
        assert separator, f"no whole answer: {received[:200]!r}"
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        if "content-length" in headers:
            assert len(body) == int(headers["content-length"]), "the answer is cut off"
        return cls(int(first.split()[1]), headers, body)

    @classmethod
    def of(cls, response: httpx2.Response) -> Self:
        headers = {name.lower(): value for name, value in response.headers.items()}
        return cls(response.status_code, headers, response.content)

    @property
    def json(self) -> Any:  # noqa: ANN401 — whatever was answered
        return json.loads(self.body)


def part(
    content: bytes, *, field: str | None = "file", filename: str | None = "picture.png", kind: str | None = None
) -> bytes:
    """Return one part of a form; None leaves the piece out."""
    disposition = "form-data"
    if field is not None:
        disposition += f'; name="{field}"'
    if filename is not None:
        disposition += f'; filename="{filename}"'
    lines = [f"Content-Disposition: {disposition}"]
    if kind is not None:
        lines.append(f"Content-Type: {kind}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def form(*parts: bytes) -> bytes:
    """Return a whole multipart/form-data body."""
    return b"".join(f"--{BOUNDARY}\r\n".encode() + each + b"\r\n" for each in parts) + f"--{BOUNDARY}--\r\n".encode()


def head(stack: Stack, *lines: str, method: str = "POST", path: str = UPLOAD_PATH, token: str | None = None) -> bytes:
    """Return a request's head with a good token, or with `token`; `lines` are further headers."""
    wanted = stack.token if token is None else token
    fixed = [f"{method} {path} HTTP/1.1", "Host: pictures.test", f"token: {wanted}"]
    return "\r\n".join([*fixed, *lines, "", ""]).encode()


def upload_head(stack: Stack, length: int, *lines: str, token: str | None = None) -> bytes:
    """Return the head of an upload whose form has `length` bytes."""
    return head(stack, f"Content-Type: {FORM_TYPE}", f"Content-Length: {length}", *lines, token=token)


def connect(stack: Stack, *, seconds: float = 60.0) -> socket.socket:
    return socket.create_connection(("127.0.0.1", stack.port), timeout=seconds)


def receive(connection: socket.socket) -> Answer:
    """Return the answer, which the server has to end by closing."""
    received = b""
    while piece := connection.recv(65536):
        received += piece
    return Answer.parse(received)


def receive_without_end(connection: socket.socket) -> Answer:
    """Return the answer as soon as it is whole, though the connection may stay open."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    (length,) = (int(line[16:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length: "))
    while len(body) < length:
        body += connection.recv(65536)
    return Answer.parse(head + b"\r\n\r\n" + body)


def exchange(stack: Stack, *pieces: bytes) -> Answer:
    """Send bytes as they are, keep the connection open, return the answer."""
    with connect(stack) as connection:
        for piece in pieces:
            connection.sendall(piece)
        return receive(connection)


def send_form(stack: Stack, *parts: bytes, token: str | None = None) -> Answer:
    """Upload a form made of `parts`."""
    body = form(*parts)
    return exchange(stack, upload_head(stack, len(body), token=token), body)


def chunked(pieces: Iterable[bytes]) -> bytes:
    """Return a body in the chunked coding (RFC 9112 section 7.1)."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def assert_refused(answer: Answer, status: int, code: str) -> None:
    """Hold an answer to the envelope of failures."""
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["connection"] == "close"
    envelope = answer.json
    assert list(envelope) == ["status", "code", "message", "data"]
    assert envelope["status"] == 1
    assert envelope["code"] == code
    assert envelope["data"] == envelope["message"]
    assert envelope["message"][0].isupper()
    assert envelope["message"].endswith((".", "picture.png"))
