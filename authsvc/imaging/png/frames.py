"""Frames of an animated PNG as separate PNG files (PNG, Third Edition, section 11.3.6)."""

from collections.abc import Iterator
from mmap import mmap
from typing import Final

from authsvc.imaging.png.chunks import SIGNATURE, chunk_with, chunks_of

# Chunks that a frame shares with the picture: colours and transparency.
_SHARED: Final = frozenset({b"PLTE", b"tRNS"})
_SIDES: Final = slice(4, 12)
_SEQUENCE_NUMBER_BYTES: Final = 4


def is_animated(head: bytes) -> bool:
    """Return whether the beginning of a PNG file declares an animation, before its picture data (section 5.6)."""
    return b"acTL" in head.partition(b"IDAT")[0]


def later_frames(data: bytes | mmap) -> Iterator[bytes]:
    """Yield a PNG file for each frame whose data is in fdAT chunks; nothing for a picture that is not animated.

    Raises Truncated and Corrupt when the chunks cannot be read.
    """
    header, sides = b"", b""
    shared: dict[bytes, bytes] = {}
    frame: list[bytes] = []

    def whole() -> bytes:
        parts = [chunk_with(b"IHDR", sides + header[8:]), *shared.values(), *frame, chunk_with(b"IEND", b"")]
        return SIGNATURE + b"".join(parts)

    for chunk in chunks_of(data):
        if chunk.name == b"IHDR":
            header = data[chunk.start : chunk.end]
        elif chunk.name in _SHARED:
            # Only the first of each: all frames repeat them, and thousands of palettes would be 20 MB in each.
            shared.setdefault(chunk.name, chunk_with(chunk.name, data[chunk.start : chunk.end]))
        elif chunk.name == b"fdAT":
            # A chunk that is shorter than its sequence number contains no data.
            begin = min(chunk.start + _SEQUENCE_NUMBER_BYTES, chunk.end)
            frame.append(chunk_with(b"IDAT", data[begin : chunk.end]))
        elif chunk.name in {b"fcTL", b"IEND"}:
            if frame:
                yield whole()
            frame, sides = [], data[chunk.start : chunk.end][_SIDES]
