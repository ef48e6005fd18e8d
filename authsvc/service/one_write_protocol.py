"""HTTP for nginx: uvicorn's protocol, but an answer is sent whole or not at all.

uvicorn writes the head of an answer and its body in two calls. If the service
is killed between them, nginx gets a head without a body. It has passed the head
on by then, and cannot ask the next service any more (`proxy_next_upstream`).
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class OneWriteProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, with one system call for an answer whose parts are written together."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start a connection."""
        super().connection_made(cast("asyncio.Transport", _OneWriteTransport(transport)))


class _OneWriteTransport:
    """A transport that joins what is written in one turn of the event loop."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 — all other attributes of a transport
        return getattr(self._transport, name)

    def _flush(self) -> None:
        if self._parts and not self._transport.is_closing():
            self._transport.write(b"".join(self._parts))
        self._parts.clear()
