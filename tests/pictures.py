"""Real pictures, made when they are needed."""

import io
import random

from PIL import Image

FORMATS = {"JPEG": "jpg", "PNG": "png", "GIF": "gif", "WEBP": "webp", "AVIF": "avif"}
"""Pillow's name of every accepted type, and the extension that it gets."""


def picture(
    kind: str = "PNG", size: tuple[int, int] = (64, 48), *, seed: int | None = None, **options: object
) -> bytes:
    """Return a picture file; with another seed (None: a fresh one) other bytes."""
    shade = random.Random(seed)
    image = Image.new("RGB", size, tuple(shade.randrange(256) for _ in range(3)))
    for _ in range(16):
        at = (shade.randrange(size[0]), shade.randrange(size[1]))
        image.putpixel(at, tuple(shade.randrange(256) for _ in range(3)))
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def noise(size: int, *, seed: int | None = None) -> bytes:
    """Return about `size` bytes that begin as a PNG: for loads, not for decoders."""
    head = picture("PNG", seed=seed)
    return head + random.Random(seed).randbytes(max(size - len(head), 0))
