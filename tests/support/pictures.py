"""Real pictures, made when they are needed."""

import io
import random
import struct
import zlib

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


_LEAST_NOISE = 270
_STORED_BYTES = 65_535
_FRAME_BYTES = 8 + 25 + 12 + 12 + 2 + 5 + 4  # signature, IHDR, around IDAT, IEND, around the zlib stream


def noise(size: int, *, seed: int | None = None) -> bytes:
    """Return a grey PNG of `size` bytes that nothing can compress; below 270 bytes it is just small.

    Much faster than an encoder's: its data is stored as it is, and small or empty
    pieces make up what is missing at the end.
    """
    if size < _LEAST_NOISE:
        return picture("PNG", seed=seed)
    width = next(width for width, most in ((63, 20_000), (1023, 10 * 2**20), (4095, size + 1)) if size < most)
    rows = (size - 200) // (width + 3)
    raw = bytearray(random.Random(seed).randbytes(rows * (width + 1)))
    raw[:: width + 1] = bytes(rows)  # no filter
    # 5 a + 12 b bytes: empty blocks of the zlib stream, and empty chunks.
    missing = size - _FRAME_BYTES - len(raw) - 5 * -(-len(raw) // _STORED_BYTES)
    blocks = 5 * missing % 12
    return _grey(raw, (width, rows), blocks, (missing - 5 * blocks) // 12)


def _grey(raw: bytearray, size: tuple[int, int], blocks: int, chunks: int) -> bytes:
    stored = b"".join(
        b"\0" + struct.pack("<HH", len(piece), len(piece) ^ 0xFFFF) + piece
        for piece in (raw[at : at + _STORED_BYTES] for at in range(0, len(raw), _STORED_BYTES))
    )
    stream = (
        b"\x78\x01" + stored + b"\0\0\0\xff\xff" * blocks + b"\1\0\0\xff\xff" + zlib.adler32(raw).to_bytes(4, "big")
    )
    header = struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0)
    named = [(b"IHDR", header), (b"IDAT", stream), *[(b"IDAT", b"")] * chunks, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in named
    )
