"""A server for the pages of a case: real sockets, plain and TLS, any host."""

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import unquote, urlsplit

from tests.support.tls import Pair

HTML: Final = "text/html; charset=utf-8"
SCRIPT: Final = "text/javascript"


@dataclass(frozen=True)
class Document:
    """The answer at one address; `headers` are sent in addition to `Content-Type`."""

    body: str
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: str = HTML


class Pages:
    """Documents by `host/path`, for every port and scheme; each case sets its own.

    In addition, every host has `/to/STATUS?ADDRESS`, a redirect, and
    `/to/STATUS/POLICY?ADDRESS`, one with a Referrer-Policy; both let every page fetch them.
    """

    def __init__(self, certificate: Pair) -> None:
        self.documents: dict[str, Document] = {}
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.certificate, certificate.key)
        self._plain = _Server(("127.0.0.1", 0), self)
        self._secure = _Server(("127.0.0.1", 0), self)
        # The handshake happens in the thread of the connection, at its first read.
        self._secure.socket = context.wrap_socket(self._secure.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def plain_port(self) -> int:
        """The port of plain HTTP."""
        return self._plain.server_port

    @property
    def tls_port(self) -> int:
        """The port of HTTPS."""
        return self._secure.server_port

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serve until the block ends."""
        threads = [threading.Thread(target=server.serve_forever) for server in (self._plain, self._secure)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            for server, thread in zip((self._plain, self._secure), threads, strict=True):
                server.shutdown()
                thread.join()
                server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], pages: Pages) -> None:
        super().__init__(address, _Handler)
        self.pages = pages

    def handle_error(self, *_: object) -> None:
        """Ignore it: browsers close connections at any time."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        host = urlsplit(f"//{self.headers['Host']}").hostname or ""
        path, _, query = self.path.partition("?")
        words = path.split("/")[1:]
        if words[0] == "to":
            policy = {"Referrer-Policy": words[2]} if len(words) > 2 else {}
            self._answer(int(words[1]), "", {"Location": unquote(query), "Access-Control-Allow-Origin": "*", **policy})
        elif document := self.server.pages.documents.get(f"{host.removesuffix('.')}{path}"):
            self._answer(200, document.body, {"Content-Type": document.kind, **document.headers})
        else:
            self._answer(404, "", {"Content-Type": "text/plain"})

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def _answer(self, status: int, body: str, headers: Mapping[str, str]) -> None:
        content = body.encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
