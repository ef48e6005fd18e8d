"""A service that answers as a test wants, for the doctor."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from authsvc.settings import Settings


@contextmanager
def answering(settings: Settings, body: bytes) -> Iterator[None]:
    """Answer one question on the service's socket."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    with listening(settings) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(head + body if body != b"garbage" else body)

        server = threading.Thread(target=answer)
        server.start()
        yield
        server.join()


@contextmanager
def listening(settings: Settings) -> Iterator[socket.socket]:
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(settings.socket_path))
        listener.listen()
        yield listener
