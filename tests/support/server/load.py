"""A load on the image host, run in a machine that has only Python: see underload.py.

`load.py SECONDS PROGRESS_FILE` reads as allowed sites do, reads as strangers
do and uploads, until SIGTERM or the end of the time, and prints the results.
Each request has a connection of its own and is never repeated. `load.py read`
reads each path on standard input once and compares the bytes with the digest.
"""

import hashlib
import json
import os
import random
import signal
import struct
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from pathlib import Path

HOST = "img.example.com"
ALLOWED = {"Host": HOST, "Referer": "https://blog.example.com/post"}
TIMEOUT_SECONDS = 60.0
BOUNDARY = "a-boundary-of-the-load"
PAUSES_SECONDS = {"reads": 0.01, "strangers": 0.02, "uploads": 0.02}
UPLOADERS = 3
"""Enough that nearly always an upload is under way."""


def png() -> bytes:
    """Return a small picture that was never uploaded before."""
    rows = b"".join(b"\0" + random.randbytes(24) for _ in range(8))
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    coded = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(coded)


def form(content: bytes) -> bytes:
    """Return the body of an upload."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    return head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def ask(method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> tuple[str, bytes]:
    """Send one request to nginx; return the status, or the error's name, and the body."""
    # From many addresses, because uploads per second and address are limited.
    source = f"127.0.{random.randrange(1, 255)}.{random.randrange(1, 255)}"
    connection = HTTPConnection("127.0.0.1", 80, timeout=TIMEOUT_SECONDS, source_address=(source, 0))
    try:
        connection.request(method, path, body, {**headers, "Connection": "close"})
        answer = connection.getresponse()
        return str(answer.status), answer.read()
    except (OSError, HTTPException) as error:
        return type(error).__name__, b""
    finally:
        connection.close()


def is_whole(path: str, content: bytes) -> bool:
    """Return whether the bytes have the digest in the path."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest() == Path(path.replace("/", "")).stem


class Load:
    """Counts of responses by kind of request, the acknowledged pictures, and the times of reads.

    The time of a read is its start, on the monotonic clock, and its seconds.
    """

    def __init__(self, token: str) -> None:
        self.answers: dict[str, Counter[str]] = {kind: Counter() for kind in PAUSES_SECONDS}
        self.uploaded: list[str] = []
        self.read_times: list[tuple[float, float]] = []
        self.ended = threading.Event()
        self._token = token

    def read(self) -> None:
        """Read a picture as a visitor of an allowed site does."""
        path = random.choice(self.uploaded)
        begin = time.monotonic()
        status, content = ask("GET", path, ALLOWED)
        self.read_times.append((begin, time.monotonic() - begin))
        self.answers["reads"]["wrong bytes" if status == "200" and not is_whole(path, content) else status] += 1

    def intrude(self) -> None:
        """Read a picture as a visitor of a site for which no cache has a verdict yet."""
        path = random.choice(self.uploaded)
        referer = f"https://stranger-{random.randrange(2**40)}.example/"
        self.answers["strangers"][ask("GET", path, {"Host": HOST, "Referer": referer})[0]] += 1

    def upload(self) -> None:
        """Upload a new picture; remember it if the upload was acknowledged."""
        content = png()
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        status, answer = ask(
            "POST", "/api/v1/upimg", {"Host": HOST, "token": self._token, "Content-Type": kind}, form(content)
        )
        if status == "200":
            path = json.loads(answer)["data"]["path"]
            status = status if is_whole(path, content) else "wrong bytes"
            self.uploaded.append(path)
        self.answers["uploads"][status] += 1

    def repeat(self, kind: str, step: Callable[[], None]) -> threading.Thread:
        """Repeat a step until the end."""

        def work() -> None:
            while not self.ended.wait(PAUSES_SECONDS[kind]):
                step()

        thread = threading.Thread(target=work)
        thread.start()
        return thread


def run(seconds: float, progress: Path) -> None:
    """Run the load; write the counts to `progress` meanwhile."""
    load = Load(Path("/root/token").read_text("ascii").strip())
    signal.signal(signal.SIGTERM, lambda *_: load.ended.set())
    load.upload()
    threads = [load.repeat("reads", load.read), load.repeat("strangers", load.intrude)]
    threads += [load.repeat("uploads", load.upload) for _ in range(UPLOADERS)]
    for _ in range(int(seconds / 0.1)):
        fresh = progress.with_suffix(".new")
        fresh.write_text(
            json.dumps({kind: sum(counts.copy().values()) for kind, counts in load.answers.items()}), "ascii"
        )
        fresh.replace(progress)
        if load.ended.wait(0.1):
            break
    load.ended.set()
    for thread in threads:
        thread.join()
    json.dump({"answers": load.answers, "uploaded": load.uploaded, "read_times": load.read_times}, sys.stdout)


def read(paths: list[str]) -> None:
    """Read each path once as a visitor of an allowed site does."""
    answers: Counter[str] = Counter()
    for path in paths:
        status, content = ask("GET", path, ALLOWED)
        answers["wrong bytes" if status == "200" and not is_whole(path, content) else status] += 1
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    os.umask(0o077)
    if sys.argv[1] == "read":
        read(sys.stdin.read().split())
    else:
        run(float(sys.argv[1]), Path(sys.argv[2]))
