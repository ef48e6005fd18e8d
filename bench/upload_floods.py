"""What may delay an upload: readers who request sizes that do not exist, and somebody else's slowest pictures.

Each flood runs in a process of its own, so that its Python does not delay the upload that is measured.
"""

import io
import multiprocessing
import os
import random
import shutil
import struct
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Final

import httpx2
import pyvips
from PIL import Image

from authsvc.model import WIDTHS

READERS: Final = 32
"""Requests for sizes in progress at any time."""
UPLOADERS: Final = 32
"""Slow uploads in progress at any time, as many as the service handles at once by default."""
_TIMEOUT_SECONDS: Final = 90
_STOP_SECONDS: Final = 120
_ACCEPT: Final = "image/png"
"""The reader supports neither WebP nor AVIF, so the service has no work left after the flood."""
_EMPTY_SECONDS: Final = 1.0

Flood = Callable[[Event], None]


@contextmanager
def running(flood: Flood) -> Iterator[None]:
    """Run a flood in another process meanwhile."""
    end = multiprocessing.Event()
    process = multiprocessing.Process(target=flood, args=(end,))
    process.start()
    try:
        yield
    finally:
        end.set()
        process.join(_STOP_SECONDS)
        process.kill()
        process.join()


class SizeFlood:
    """Readers at these addresses who request sizes of pictures as fast as they are answered.

    The cache of sizes is emptied every second, so that there are always sizes to make.
    """

    def __init__(self, base: str, pictures: Sequence[str], addresses: Sequence[str], *, cache: Path) -> None:
        self._base = base
        self._cache = cache
        self._targets = [f"{path}?w={width}" for path in pictures for width in WIDTHS]
        self._addresses = addresses

    def __call__(self, end: Event) -> None:
        """Run until the end."""
        with ThreadPoolExecutor(READERS) as pool:
            for number in range(READERS):
                pool.submit(self._read, number, end)
            while not end.wait(_EMPTY_SECONDS):
                empty(self._cache)

    def _read(self, number: int, end: Event) -> None:
        # The same order in every run.
        order = random.Random(number)
        address = self._addresses[number % len(self._addresses)]
        with client_at(self._base, address) as client:
            while not end.is_set():
                with suppress(httpx2.HTTPError):
                    client.get(order.choice(self._targets), headers={"Accept": _ACCEPT})


class SlowUploads:
    """Clients of one token that upload one of the slowest pictures again and again, each time another file."""

    def __init__(self, base: str, token: str, picture: bytes, address: str) -> None:
        self._base = base
        self._token = token
        self._picture = picture
        self._address = address

    def __call__(self, end: Event) -> None:
        """Run until the end."""
        with ThreadPoolExecutor(UPLOADERS) as pool:
            for _ in range(UPLOADERS):
                pool.submit(self._upload, end)

    def _upload(self, end: Event) -> None:
        with client_at(self._base, self._address) as client:
            while not end.is_set():
                # ISO/IEC 14496-12 section 8.1.2: a box that readers skip.
                free = struct.pack(">I4s8s", 16, b"free", os.urandom(8))
                with suppress(httpx2.HTTPError):
                    upload(client, self._token, self._picture + free)


def empty(cache: Path) -> None:
    """Delete the sizes that exist."""
    for folder in cache.glob("??"):
        shutil.rmtree(folder, ignore_errors=True)


def client_at(base: str, address: str) -> httpx2.Client:
    """Return a client that connects from this address."""
    # Without certificates, which would take longer to load than the first uploads.
    transport = httpx2.HTTPTransport(local_address=address, verify=False)
    return httpx2.Client(base_url=base, timeout=_TIMEOUT_SECONDS, transport=transport)


def upload(client: httpx2.Client, token: str, picture: bytes) -> httpx2.Response:
    """Upload a picture."""
    return client.post("/api/v1/upimg", files={"file": ("picture", picture)}, headers={"token": token})


def slowest_picture() -> bytes:
    """Return the picture that takes a decoder the most time among those that the default limits accept.

    An AVIF of 25 megapixels, all noise: 2.5 s of CPU time. A WebP animation of 200 megapixels that fits into 20 MiB, a
    progressive JPEG with 64 scans and an interlaced PNG take less.
    """
    band = pyvips.Image.gaussnoise(5000, 5000, mean=128, sigma=64)
    noise = band.bandjoin([band, band]).cast("uchar").copy(interpretation="srgb")
    picture: bytes = noise.heifsave_buffer(compression="av1", effort=0, Q=75)
    return picture


def small_picture() -> bytes:
    """Return a new PNG of 10 KB."""
    side = 58
    file = io.BytesIO()
    Image.frombytes("RGB", (side, side), os.urandom(side * side * 3)).save(file, "PNG")
    return file.getvalue()
