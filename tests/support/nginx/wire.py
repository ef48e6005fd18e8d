"""Send HTTP to nginx exactly as written, over one connection while it stays open."""

import http.client
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

Headers = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    """An answer. If a header was sent twice, `lines` has both and `[]` returns the first."""

    status: int
    lines: tuple[tuple[str, str], ...]
    body: bytes

    def all(self, name: str) -> list[str]:
        """Return every value of one header."""
        return [value for key, value in self.lines if key.lower() == name.lower()]

    def __getitem__(self, name: str) -> str:
        return self.all(name)[0]

    def __contains__(self, name: str) -> bool:
        return bool(self.all(name))

    @property
    def facts(self) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
        """Everything in which two answers may differ, without the headers about when and how it was sent."""
        passing = {"date", "connection"}
        return self.status, tuple(line for line in self.lines if line[0].lower() not in passing), self.body


class Wire:
    """A keep-alive client without opinions: it sends what it is given."""

    def __init__(self, port: int, *, host: str = "127.0.0.1", seconds: float = 30.0) -> None:
        self._address = (host, port)
        self._seconds = seconds
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection; the next request makes another."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def ask(self, target: str, headers: Headers | Mapping[str, str] = (), *, method: str = "GET") -> Answer:
        """Send one HTTP/1.1 request; text goes out as Latin-1, byte for byte."""
        pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
        if not any(name.lower() == "host" for name, _ in pairs):
            pairs.insert(0, ("Host", "img.example.net"))
        lines = "".join(f"{name}: {value}\r\n" for name, value in pairs)
        return self.send(f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1"))

    def send(self, request: bytes) -> Answer:
        """Send a whole request and read one answer; again if an idle connection was closed.

        Raises http.client.RemoteDisconnected or ConnectionResetError where
        nginx ends the connection without a word.
        """
        is_reused = self._socket is not None
        try:
            return self._exchange(request)
        except (http.client.RemoteDisconnected, ConnectionError):
            self.close()
            if not is_reused:
                raise
            return self.send(request)

    def _exchange(self, request: bytes) -> Answer:
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=self._seconds)
        self._socket.sendall(request)
        response = http.client.HTTPResponse(self._socket, method=request.split(b" ", 1)[0].decode("latin-1"))
        response.begin()
        answer = Answer(response.status, tuple(response.getheaders()), response.read())
        if response.will_close:
            self.close()
        response.close()
        return answer
