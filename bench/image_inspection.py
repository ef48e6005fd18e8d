"""What it costs an upload that its picture is walked through, cleaned and decoded."""

import io
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from PIL import Image

from authsvc.imaging.inspection import inspect
from authsvc.imaging.pieces import contents
from authsvc.model import ImageType
from bench.image_engines import BENCH
from tests.support.imaging.private_pictures import exif
from tests.support.limits import USUAL
from tests.support.stack import Stack

UPLOADS: Final = 8
TIMES: Final = 15


def inspection(photograph: bytes, *, rounds: int) -> dict[str, Any]:
    """Return what uploads of 12 megapixels take with and without it, and its parts alone, in milliseconds."""
    private = photograph[:2] + _app1(exif()) + photograph[2:]
    return {"upload_ms": _uploads(private, rounds=max(rounds, 2)), "parts_ms": _parts(private)}


def _app1(block: bytes) -> bytes:
    payload = b"Exif\0\0" + block
    return b"\xff\xe1" + (len(payload) + 2).to_bytes(2, "big") + payload


@contextmanager
def _service(folder: str = "") -> Iterator[Stack]:
    stack = Stack(upload_rate=10_000, upload_burst=100_000)
    if folder:
        stack.environment["PYTHONPATH"] = f"{BENCH / folder}:{stack.environment.get('PYTHONPATH', '')}"
    with stack:
        yield stack


def _uploads(private: bytes, *, rounds: int) -> dict[str, float]:
    """Return the medians of both, one upload at a time; each is another picture."""
    taken: dict[str, list[float]] = {"inspected": [], "as_it_comes": []}
    number = 0
    with _service() as inspected, _service("uninspected") as other:
        ways = {"inspected": inspected, "as_it_comes": other}
        for stack in ways.values():
            stack.upload(private)  # which starts a worker
        for _ in range(rounds):
            for way, stack in ways.items():
                for _ in range(UPLOADS):
                    number += 1
                    # Another byte of a comment, so that nothing is known already.
                    content = private[:-2] + b"\xff\xfe\x00\x06" + number.to_bytes(4, "big") + private[-2:]
                    content = _another(content, number)
                    start = time.monotonic()
                    stack.upload(content)
                    taken[way].append((time.monotonic() - start) * 1000)
    return {way: round(statistics.median(each), 1) for way, each in taken.items()}


def _another(content: bytes, number: int) -> bytes:
    """Return a picture that is still a different one after cleaning: only its density differs."""
    at = content.index(b"JFIF\0") + 8
    return content[:at] + (number + 1).to_bytes(2, "big") * 2 + content[at + 4 :]


def _parts(private: bytes) -> dict[str, float]:
    """Return the medians of walking through each type, and of taking metadata out of a JPEG."""
    with Image.open(io.BytesIO(private)) as image:
        image.load()
        kinds = {ImageType.JPEG: private}
        kinds[ImageType.PNG] = _saved(image, "PNG", compress_level=1)
        kinds[ImageType.WEBP] = _saved(image, "WEBP", method=0)
        kinds[ImageType.AVIF] = _saved(image, "AVIF", speed=9)
        kinds[ImageType.GIF] = _saved(image.quantize(64, method=Image.Quantize.FASTOCTREE), "GIF")
    found = {f"walk_{kind.value}": _median(_walk(content, kind)) for kind, content in kinds.items()}
    found["strip"] = _median(lambda: inspect(private, ImageType.JPEG, USUAL, strips=True)) - found["walk_jpg"]
    with tempfile.TemporaryFile() as file:

        def clean() -> None:
            file.seek(0)
            file.writelines(contents(private, inspect(private, ImageType.JPEG, USUAL, strips=True).pieces))

        found["prepare"] = _median(clean)
    return {name: round(value, 2) for name, value in found.items()}


def _saved(image: Image.Image, kind: str, **options: int) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _walk(content: bytes, kind: ImageType) -> Callable[[], object]:
    return lambda: inspect(content, kind, USUAL, strips=False)


def _median(act: Callable[[], object]) -> float:
    taken = []
    for _ in range(TIMES):
        start = time.perf_counter()
        act()
        taken.append((time.perf_counter() - start) * 1000)
    return statistics.median(taken)
