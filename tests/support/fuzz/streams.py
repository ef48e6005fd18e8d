"""Many requests at once over HTTP/2, and the nginx that speaks it."""

import re
import shutil
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import h2.config
import h2.connection
import h2.errors
import h2.events

from authsvc.nginx.program import nginx_program
from tests.support.fuzz.pipeline import SECONDS, Answer
from tests.support.fuzz.request import Request, pair
from tests.support.nginx.site_list import settings_of
from tests.support.stack import Stack, free_port, wait_until
from tests.support.tls import make_pair

_MOST_STREAMS: Final = 100
_REQUESTS_A_CONNECTION: Final = 5000
"""Half of what nginx answers on one."""
_WINDOW: Final = 2**30


@contextmanager
def nginx_with_http2(stack: Stack) -> Iterator[int]:
    """Run one more nginx on the stack's own files, with HTTP/2 over TLS; give its port."""
    folder = Path(tempfile.mkdtemp(prefix="asf-", dir="/tmp"))
    folder.chmod(0o755)
    port = free_port()
    try:
        main_file = _copy_configuration(stack, folder, port)
        process = subprocess.Popen(
            [nginx_program(settings_of(stack)), "-e", "stderr", "-c", main_file],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            try:
                wait_until(lambda: process.poll() is not None or _answers(port), "nginx speaks TLS")
                assert process.poll() is None, process.stderr and process.stderr.read()
                yield port
            finally:
                process.terminate()
    finally:
        shutil.rmtree(folder)


def _copy_configuration(stack: Stack, folder: Path, port: int) -> Path:
    """Copy nginx's files so that the copies know nothing but each other; return the main one."""
    data = stack.data_dir
    shutil.copytree(data / "nginx" / "conf", folder / "nginx" / "conf")
    for name in ("nginx/tmp", "log", "run"):
        (folder / name).mkdir()
    moved = {f"{data}/{part}": f"{folder}/{part}" for part in ("nginx", "log", "run/nginx.pid")}
    for file in (folder / "nginx" / "conf").rglob("*.conf"):
        text = file.read_text()
        for old, new in moved.items():
            text = text.replace(old, new)
        file.write_text(text)
    certificate = make_pair(folder / "tls", "img.own.example")
    main_file = folder / "nginx" / "conf" / "nginx.conf"
    listening, count = re.subn(
        r"listen [^;]+;",
        f"listen 127.0.0.1:{port} ssl http2; ssl_certificate {certificate.certificate};"
        f"ssl_certificate_key {certificate.key};",
        main_file.read_text(),
    )
    assert count == 1, listening
    main_file.write_text(listening)
    return main_file


def _answers(port: int) -> bool:
    try:
        _connect(port).close()
    except ConnectionError:
        return False
    return True


def _connect(port: int) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    plain = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
    try:
        return context.wrap_socket(plain, server_hostname="img.own.example")
    except BaseException:
        plain.close()
        raise


class Streams:
    """A connection over HTTP/2, made again after some thousands of requests."""

    def __init__(self, port: int, target: str) -> None:
        self._port = port
        self._target = target
        self._socket: ssl.SSLSocket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def ask(self, requests: Sequence[Request]) -> list[Answer]:
        """Send all of them, a hundred at once; return an answer to each, status 0 where there is none."""
        answers: list[Answer] = []
        for first in range(0, len(requests), _MOST_STREAMS):
            answers += self._ask_at_once(requests[first : first + _MOST_STREAMS])
        return answers

    def _ask_at_once(self, requests: Sequence[Request]) -> list[Answer]:
        if self._socket is None or self._left < len(requests):
            self._open()
        self._left -= len(requests)
        streams: dict[int, list[bytes]] = {}
        heads: dict[int, dict[bytes, bytes]] = {}
        for request in requests:
            stream = self._state.get_next_available_stream_id()
            self._state.send_headers(stream, self._headers(request), end_stream=True)
            streams[stream] = []
        open_streams = set(streams)
        while open_streams and self._socket is not None:
            self._flush()
            for event in self._read():
                match event:
                    case h2.events.ResponseReceived(stream_id=int(stream), headers=headers):
                        heads[stream] = dict(headers or ())
                    case h2.events.DataReceived(stream_id=int(stream), data=bytes(data)):
                        streams[stream].append(data)
                        self._state.acknowledge_received_data(event.flow_controlled_length or 0, stream)
                    case h2.events.StreamEnded(stream_id=int(stream)) | h2.events.StreamReset(stream_id=int(stream)):
                        open_streams.discard(stream)
                    case h2.events.ConnectionTerminated():
                        self._close()
        return [_answer(heads.get(stream, {}), b"".join(pieces)) for stream, pieces in streams.items()]

    def _headers(self, request: Request) -> list[tuple[bytes, bytes]]:
        return [
            (b":method", b"GET"),
            (b":scheme", b"https"),
            (b":authority", b"img.own.example"),
            (b":path", self._target.encode()),
            *map(pair, request.lines),
        ]

    def _open(self) -> None:
        self._close()
        self._socket = _connect(self._port)
        self._left = _REQUESTS_A_CONNECTION
        # Bytes go out as they are: nginx is to see what no browser sends.
        configuration = h2.config.H2Configuration(
            header_encoding=False, validate_outbound_headers=False, normalize_outbound_headers=False
        )
        self._state = h2.connection.H2Connection(configuration)
        self._state.initiate_connection()
        self._state.increment_flow_control_window(_WINDOW)

    def _flush(self) -> None:
        assert self._socket is not None
        self._socket.sendall(self._state.data_to_send())

    def _read(self) -> Sequence[h2.events.Event]:
        assert self._socket is not None
        data = self._socket.recv(262_144)
        if not data:
            self._close()
            return []
        return self._state.receive_data(data)

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None


def _answer(head: Mapping[bytes, bytes], body: bytes) -> Answer:
    return Answer(int(head.get(b":status", 0)), body, head.get(b"access-control-allow-origin", b"").decode("latin-1"))
