"""One HTTP client for the load: every byte of an answer counts, nothing is repaired silently."""

import asyncio
import json
from dataclasses import dataclass
from typing import Self

READ_SECONDS = 15.0
"""Within which a read is answered, or has failed."""
UPLOAD_SECONDS = 100.0
"""nginx waits a minute for the service, and half a one for its word on the token."""
BOUNDARY = "a-boundary-of-the-load"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class UnansweredError(ConnectionError):
    """The connection ended before the first byte of an answer."""


class CutOffError(ConnectionError):
    """The connection ended within an answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One whole answer; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The code of an upload's refusal, or what is wrong with it."""
        if self.headers.get("content-type") != "application/json":
            return "without JSON"
        try:
            return str(json.loads(self.body)["code"])
        except (ValueError, KeyError, TypeError):
            return "with bad JSON"


class Client:
    """Asks nginx from an address of its own; keeps its connection where both sides will."""

    def __init__(self, port: int, source: str = "127.0.0.1") -> None:
        self._port = port
        self._source = source
        self._streams: Streams | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection; the next request makes another."""
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None

    async def read(self, target: str, *lines: str) -> tuple[Answer, bool]:
        """Read; also return whether the request was sent again.

        It is where a reused connection ended without a byte of an answer, as
        RFC 9110 section 9.2.2 lets clients do with GET; once, on a new connection.
        """
        request = "\r\n".join([f"GET {target} HTTP/1.1", "Host: pictures.test", *lines, "", ""]).encode()
        async with asyncio.timeout(READ_SECONDS):
            if self._streams is not None:
                try:
                    return await self._exchange(request), False
                except UnansweredError:
                    self.close()
                    return await self._exchange(request), True
            return await self._exchange(request), False

    async def upload(self, token: str, content: bytes, *, pause: float = 0.0) -> Answer:
        """Upload on a new connection, with a pause in the middle of the body."""
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
        form = head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()
        lines = (
            "POST /api/v1/upimg HTTP/1.1",
            "Host: pictures.test",
            f"Token: {token}",
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}",
            f"Content-Length: {len(form)}",
        )
        request = "\r\n".join([*lines, "", ""]).encode()
        middle = len(form) // 2
        self.close()
        async with asyncio.timeout(UPLOAD_SECONDS):
            return await self._exchange(request + form[:middle], form[middle:], pause=pause)

    async def _exchange(self, *pieces: bytes, pause: float = 0.0) -> Answer:
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection(
                    "127.0.0.1", self._port, local_addr=(self._source, 0), limit=2**20
                )
            reader, writer = self._streams
            await _send(writer, pieces, pause)
            answer = await _receive(reader)
        except BaseException:
            self.close()
            raise
        if answer.headers.get("connection") == "close":
            self.close()
        return answer


async def _send(writer: asyncio.StreamWriter, pieces: tuple[bytes, ...], pause: float) -> None:
    try:
        for number, piece in enumerate(pieces):
            if number and pause:
                await asyncio.sleep(pause)
            writer.write(piece)
            await writer.drain()
    except ConnectionError:
        return  # a refusal may have come before the whole body was taken


async def _receive(reader: asyncio.StreamReader) -> Answer:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        raise (CutOffError if error.partial else UnansweredError) from error
    except ConnectionError as error:
        raise UnansweredError from error
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    try:
        body = await reader.readexactly(int(headers["content-length"]))
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise CutOffError from error
    return Answer(int(first.split()[1]), headers, body)
