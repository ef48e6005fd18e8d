"""The service accepts or refuses any bytes in time, and continues to work."""

import json
import random
import struct
import threading
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPConnection

import pytest

from authsvc.errors import (
    AnswerError,
    Bomb,
    Corrupt,
    Empty,
    TooManyFrames,
    TooManyPixels,
    TooManyScans,
    Truncated,
    Unsupported,
)
from tests.support.corpus.pictures import VALID, cut, damaged
from tests.support.decoder.pool import made_by_libvips
from tests.support.experiments import FULL, SLOWEST_MS, report, size
from tests.support.forms import CONTENT_TYPE, body, part
from tests.support.imaging.private_pictures import png_chunk, png_with
from tests.support.imaging.real_pictures import saved, segment
from tests.support.stack import Stack, wait_until
from tests.support.up.processes import status_of

SENDERS = 4
REFUSALS = ("empty", "unsupported", "corrupt", "truncated", "bomb", "too_many_pixels", "too_many_frames")
EVERY_PERCENT = 1 if FULL else 5
PLACES = size(100, 1000)
"""The number of damaged places in each picture."""
SEED = 3_240_140_412
MEMORY_MB = 64
REFUSAL_MS = 1000.0 if FULL else SLOWEST_MS


@pytest.fixture(scope="module")
def busy_stack() -> Iterator[Stack]:
    """A stack for many uploads, which is checked before and after them."""
    with Stack(upload_rate=10_000, upload_burst=100_000, max_pixels=20_000_000) as running:
        running.upload(saved("PNG"))
        yield running


def peak_mb(stack: Stack) -> float:
    return int(status_of(stack.pid("service"))["VmHWM"].split()[0]) / 1024


class Sender:
    """Uploads with little work, because an HTTP library takes longer than nginx. Each thread keeps a connection."""

    def __init__(self, stack: Stack) -> None:
        self._port = stack.port
        self._headers = {"token": stack.token, "Content-Type": CONTENT_TYPE}
        self._kept = threading.local()

    def send(self, content: bytes) -> tuple[int, str, float]:
        """Return the status, the code, and the milliseconds that it took."""
        if not hasattr(self._kept, "connection"):
            self._kept.connection = HTTPConnection("127.0.0.1", self._port, timeout=30)
        connection: HTTPConnection = self._kept.connection
        form = body(part(b'form-data; name="file"; filename="x"', content))
        start = time.monotonic()
        connection.request("POST", "/api/v1/upimg", form, self._headers)
        answer = connection.getresponse()
        said = answer.read()
        return answer.status, json.loads(said).get("code", "ok"), (time.monotonic() - start) * 1000

    def is_in_time(self, content: bytes) -> bool:
        return self.send(content)[2] < REFUSAL_MS


@pytest.mark.timeout(size(300, 1800))
def test_cut_off_and_damaged_pictures_are_accepted_or_refused_in_time(busy_stack: Stack) -> None:
    # Different in each campaign; the same in each short run, which is repeatable.
    seed = random.SystemRandom().randrange(2**32) if FULL else SEED
    service, before = busy_stack.pid("service"), peak_mb(busy_stack)
    sender = Sender(busy_stack)

    def variants() -> Iterator[bytes]:
        for number, (_, content) in enumerate(VALID.values()):
            yield from cut(content, every_percent=EVERY_PERCENT)
            yield from damaged(content, places=PLACES, seed=seed + number)

    with ThreadPoolExecutor(SENDERS) as threads:
        found = list(threads.map(sender.send, variants()))
    codes = Counter(code for _, code, _ in found)
    refused = [taken for status, _, taken in found if status != 200]
    report(
        "corpus: cut and spoilt pictures",
        seed=seed,
        pictures=len(VALID),
        sent=len(found),
        taken=codes["ok"],
        refused=len(refused),
        server_errors=sum(status >= 500 for status, _, _ in found),
        slowest_refusal_ms=round(max(refused), 1),
        service_growth_mb=round(peak_mb(busy_stack) - before, 1),
        codes=", ".join(f"{code} {count}" for code, count in sorted(codes.items())),
    )
    assert codes.keys() <= {"ok", *REFUSALS}
    assert busy_stack.pid("service") == service
    if FULL:
        assert max(refused) < REFUSAL_MS
    # On a busy machine any picture may be slow; one that takes the service too long is slow each time.
    for content, (status, _, taken) in zip(variants(), found, strict=True):
        if status != 200 and taken >= REFUSAL_MS:
            wait_until(partial(sender.is_in_time, content), "it is refused in time")
    assert peak_mb(busy_stack) - before < MEMORY_MB
    assert list((busy_stack.data_dir / "tmp").iterdir()) == []


def _gif(frames: int, size: tuple[int, int] = (1, 1), codes: bytes = b"\x02\x02\x4c\x01\0") -> bytes:
    frame = b"\x2c" + struct.pack("<HHHH", 0, 0, *size) + b"\0" + codes
    return b"GIF89a" + struct.pack("<HH", *size) + b"\x80\0\0" + bytes(6) + frame * frames + b"\x3b"


def _png(size: tuple[int, int], data: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def _many_scans() -> bytes:
    content = saved("JPEG", progressive=True)
    at = content.rindex(b"\xff\xda")
    return content[:at] + content[at:-2] * 70 + content[-2:]


def _large_avif() -> bytes:
    return made_by_libvips("pyvips.Image.black(6000, 6000).write_to_buffer('.avif', effort=0, compression='av1')")


ZEROS = zlib.compress(bytes(40 * 2**20), 9)
HOSTILE: dict[str, tuple[bytes, type[AnswerError]]] = {
    "zero bytes": (b"", Empty),
    "zeros": (bytes(4096), Unsupported),
    "IDAT that unpacks to far more than its pixels": (_png((20_000, 20_000), ZEROS), TooManyPixels),
    "IDAT with almost no data": (_png((4000, 4000), zlib.compress(b"")), Truncated),
    "iCCP bomb": (png_with(png_chunk(b"iCCP", b"x\0\0" + ZEROS)), Bomb),
    "zTXt bomb": (png_with(png_chunk(b"zTXt", b"x\0\0" + ZEROS)), Bomb),
    "LZW bomb": (_gif(1, (4000, 4000)), Truncated),
    "frame bomb": (_gif(500), TooManyFrames),
    "frames of many pixels": (_gif(399, (1000, 1000), b"\x02" + (b"\xff" + bytes(255)) * 2 + b"\0"), TooManyFrames),
    "scan bomb": (_many_scans(), TooManyScans),
    "wrong dimensions": (_png((30_000, 1), zlib.compress(bytes(30_001))), TooManyPixels),
    "large AVIF of few bytes": (_large_avif(), TooManyPixels),
    "page": (b"<!doctype html><script>alert(1)</script>", Unsupported),
    "SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", Unsupported),
    "zip": (b"PK\3\4" + bytes(400), Unsupported),
    "PDF": (b"%PDF-1.7\n", Unsupported),
    "PHP": (b"<?php system($_GET[0]); ?>", Unsupported),
    "TIFF": (saved("TIFF"), Unsupported),
    "BMP": (saved("BMP"), Unsupported),
    "ICO": (saved("ICO", size=(32, 32)), Unsupported),
    "page after a signature": (b"\x89PNG\r\n\x1a\n<script>alert(1)</script>" + bytes(99), Corrupt),
    "JPEG after a PNG signature": (b"\x89PNG\r\n\x1a\n" + saved("JPEG"), Corrupt),
    "frame header alone": (b"\xff\xd8" + segment(0xC0, b"\x08\0\x10\0\x10\x01\1\x11\0") + b"\xff\xd9", Corrupt),
}


@pytest.mark.parametrize(("content", "error"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_file_is_refused_by_its_code(busy_stack: Stack, content: bytes, error: type[AnswerError]) -> None:
    answer = busy_stack.post(content)
    assert (answer.status_code, answer.json()["code"]) == (error.status, error.code), answer.text


@pytest.mark.parametrize(
    "payload",
    [b"<script>alert(1)</script>", b"<?php phpinfo(); ?>", b"PK\3\4" + bytes(26) + b"x", b"%PDF-1.7"],
    ids=["page", "PHP", "zip", "PDF"],
)
def test_other_format_in_or_after_a_picture_is_never_served(busy_stack: Stack, payload: bytes) -> None:
    plain = saved("JPEG")
    for content in (plain[:2] + segment(0xFE, payload) + plain[2:], plain + payload, saved("GIF", "P") + payload):
        read = busy_stack.get(busy_stack.upload(content))
        assert payload in content
        assert payload not in read.content
        assert read.headers["content-type"] in {"image/jpeg", "image/gif"}
        assert read.headers["x-content-type-options"] == "nosniff"
