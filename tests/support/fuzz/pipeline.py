"""Many requests down one connection before the first answer is read, over HTTP/1."""

import re
import socket
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Final, Self

from tests.support.fuzz.request import Request

SECONDS: Final = 60.0
_MOST_BYTES: Final = 60_000
"""Fits into the kernel's buffers, so that writing never waits for reading."""
_MOST_REQUESTS: Final = 50
_HEAD: Final = re.compile(rb"HTTP/1\.1 ([0-9]{3}) [^\r\n]*\r\n")
_SHARED: Final = re.compile(rb"\r\naccess-control-allow-origin: ([^\r]*)\r\n", re.IGNORECASE)
_LENGTH: Final = re.compile(rb"\r\ncontent-length: ([0-9]+)\r\n", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """An answer; status 0 if the connection ended without one."""

    status: int
    body: bytes
    shared_with: str = ""
    """`Access-Control-Allow-Origin`."""
    was_behind: bool = False
    """Whether the request was sent when another one before it had no answer yet."""


def batches(requests: Iterable[Request]) -> Iterator[list[Request]]:
    """Yield groups of requests that are sent together; a request that ends the connection is the last of its group."""
    batch: list[Request] = []
    size = 0
    for request in requests:
        length = sum(map(len, request.lines))
        if batch and size + length > _MOST_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(request)
        size += length
        if len(batch) == _MOST_REQUESTS or request.fields is None or request.version == "1.0 without keep-alive":
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


class Pipeline:
    """A connection to nginx that is made again whenever nginx has ended it."""

    def __init__(self, port: int, target: str) -> None:
        self._port = port
        self._target = target.encode()
        self._socket: socket.socket | None = None
        self._received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def ask(self, requests: Sequence[Request]) -> list[Answer]:
        """Send all of them at once; return an answer to each.

        Where nginx ends the connection, what it has not answered is sent
        again on another; status 0 means that it did not answer a request
        even as the first there.
        """
        texts = [self._text(request) for request in requests]
        answers: list[Answer] = []
        while len(answers) < len(texts):
            is_fresh = self._socket is None
            before = len(answers)
            self._send(b"".join(texts[before:]))
            while len(answers) < len(texts) and (answer := self._receive()):
                answers.append(replace(answer, was_behind=len(answers) > before))
            if is_fresh and len(answers) == before:
                answers.append(Answer(0, b""))
        return answers

    def _text(self, request: Request) -> bytes:
        version, _, is_bare = request.version.partition(" ")
        lines = [b"GET %s HTTP/%s" % (self._target, version.encode()), b"Host: img.own.example", *request.lines]
        if version == "1.0" and not is_bare:
            lines.append(b"Connection: keep-alive")
        return b"\r\n".join([*lines, b"", b""])

    def _send(self, text: bytes) -> None:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=SECONDS)
            self._received = b""
        try:
            self._socket.sendall(text)
        except ConnectionError:
            # What has been answered before is still to be read.
            return

    def _receive(self) -> Answer | None:
        """Return the next answer; None at the connection's end."""
        if self._socket is None:
            return None
        while (end := self._received.find(b"\r\n\r\n")) < 0:
            if not self._read_more():
                return None
        head = self._received[: end + 2]
        status, length = _HEAD.match(head), _LENGTH.search(head)
        assert status is not None, head
        assert length is not None, head
        whole = end + 4 + int(length[1])
        while len(self._received) < whole:
            if not self._read_more():
                return None
        body, self._received = self._received[end + 4 : whole], self._received[whole:]
        if b"\r\nconnection: close\r\n" in head.lower():
            self._close()
        shared = _SHARED.search(head)
        return Answer(int(status[1]), body, shared[1].decode("latin-1") if shared else "")

    def _read_more(self) -> bool:
        assert self._socket is not None
        try:
            piece = self._socket.recv(262_144)
        except ConnectionError:
            piece = b""
        self._received += piece
        if not piece:
            self._close()
        return bool(piece)

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None
