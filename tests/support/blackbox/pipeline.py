"""Ask many things over few connections, each request sent before the last one's answer."""

import contextlib
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

Connect = Callable[[], socket.socket]

_BATCH = 40
"""Requests under way at once: their bytes fit into a socket's buffer."""


@dataclass(frozen=True)
class Reply:
    """One answer as it came; header names are in lower case."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[2]


def over_tcp(port: int) -> Connect:
    """Return how to reach nginx."""
    return lambda: socket.create_connection(("127.0.0.1", port), timeout=30)


def over_unix(path: Path) -> Connect:
    """Return how to reach the service itself."""

    def connect() -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(30)
        connection.connect(str(path))
        return connection

    return connect


def ask_all(connect: Connect, requests: Sequence[bytes]) -> Iterator[Reply | None]:
    """Yield the answer of each request, in order; None where the server closed without one.

    What the server leaves unanswered because it closes after an answer is sent again.
    """
    at = 0
    while at < len(requests):
        replies = _exchange(connect, requests[at : at + _BATCH])
        if replies:
            yield from replies
        else:
            # Unanswered though the first on its connection: it will never be.
            yield None
        at += len(replies) or 1


def _exchange(connect: Connect, batch: Sequence[bytes]) -> list[Reply]:
    replies: list[Reply] = []
    with connect() as connection, contextlib.suppress(ConnectionError):
        connection.sendall(b"".join(batch))
        received = b""
        while len(replies) < len(batch):
            reply, received = _first(received)
            if reply is None:
                if not (piece := connection.recv(262144)):
                    break
                received += piece
                continue
            replies.append(reply)
            if reply.headers.get("connection") == "close":
                break
    return replies


def _first(received: bytes) -> tuple[Reply | None, bytes]:
    """Return the first whole answer, or None, and what is left."""
    head, separator, rest = received.partition(b"\r\n\r\n")
    if not separator:
        return None, received
    start, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    status = int(start.split()[1])
    length = 0 if status in {204, 304} else int(headers["content-length"])
    if len(rest) < length:
        return None, received
    end = len(head) + 4 + length
    return Reply(status, headers, received[:end]), received[end:]
