"""Name resolution for the browsers: a SOCKS 5 proxy that connects each host and port to a port of the loopback.

So a page has its real address, default ports included, TLS goes through untouched, and
nothing that a browser asks can leave this machine. Both browsers ask such a proxy for names.
"""

import selectors
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Route = Callable[[str, int], int]
"""Maps a host and a port to a port on the loopback address."""


@contextmanager
def leading(route: Route) -> Iterator[int]:
    """Run the proxy, and yield its port."""
    with _Server(("127.0.0.1", 0), route) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], route: Route) -> None:
        super().__init__(address, _Handler)
        self.route = route

    def handle_error(self, *_: object) -> None:
        """Ignore it: browsers close connections at any time."""


class _Handler(socketserver.BaseRequestHandler):
    """RFC 1928: no authentication, only CONNECT."""

    server: _Server
    request: socket.socket

    def handle(self) -> None:
        _, methods = self._read(2)
        self._read(methods)
        self.request.sendall(b"\x05\x00")
        _, _, _, kind = self._read(4)
        host = self._host(kind)
        (port,) = struct.unpack("!H", self._read(2))
        with socket.create_connection(("127.0.0.1", self.server.route(host, port))) as onward:
            self.request.sendall(b"\x05\x00\x00\x01" + bytes(6))
            _pump(self.request, onward)

    def _host(self, kind: int) -> str:
        match kind:
            case 1:
                return socket.inet_ntop(socket.AF_INET, self._read(4))
            case 3:
                return self._read(self._read(1)[0]).decode("ascii")
            case _:
                return socket.inet_ntop(socket.AF_INET6, self._read(16))

    def _read(self, count: int) -> bytes:
        content = b""
        while len(content) < count:
            piece = self.request.recv(count - len(content))
            if not piece:
                raise ConnectionResetError
            content += piece
        return content


def _pump(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until both sides have ended."""
    with selectors.DefaultSelector() as selector:
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        while selector.get_map():
            for key, _ in selector.select():
                source: socket.socket = key.fileobj  # type: ignore[assignment]
                if piece := source.recv(65536):
                    key.data.sendall(piece)
                else:
                    selector.unregister(source)
                    with suppress(OSError):
                        key.data.shutdown(socket.SHUT_WR)
