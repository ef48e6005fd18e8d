"""Pictures of given sizes, cut in two where the load generator puts their density."""

import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

_HEADER_BYTES = 33  # signature and IHDR
_PIXEL_BYTES = 3
_DENSITY_BYTES = 21  # as the load generator writes it


@dataclass(frozen=True)
class Halves:
    """Two files: a PNG up to its header, and the rest of it."""

    front: Path
    back: Path


def halves(folder: Path, size: int) -> Halves:
    """Write a PNG of about `size` bytes, pixels of noise, in two halves below `folder`."""
    side = max(1, int((size / _PIXEL_BYTES) ** 0.5))
    while (len(whole := _png(side)) + _DENSITY_BYTES) > size:
        side -= 1
    made = Halves(folder / f"{size}.front", folder / f"{size}.back")
    made.front.write_bytes(whole[:_HEADER_BYTES])
    made.back.write_bytes(whole[_HEADER_BYTES:])
    return made


def _png(side: int) -> bytes:
    rows = b"".join(b"\0" + os.urandom(side * _PIXEL_BYTES) for _ in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, 0)) + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
