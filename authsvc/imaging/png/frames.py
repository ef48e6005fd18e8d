"""Take an animated PNG apart into pictures that any PNG decoder reads (PNG, Third Edition, section 11.3.6)."""

from collections.abc import Iterator
from mmap import mmap
from typing import Final

from authsvc.imaging.png.walk import SIGNATURE, chunk_with, chunks_of

# What a frame has in common with the picture: colours and transparency.
_SHARED: Final = frozenset({b"PLTE", b"tRNS"})
_SIDES: Final = slice(4, 12)
_SEQUENCE_NUMBER_BYTES: Final = 4


def later_frames(data: bytes | mmap) -> Iterator[bytes]:
    """Yield each frame whose data stands in fdAT chunks as a PNG of its own; none of a picture that does not move.

    Raises Truncated and Corrupt for what has no chunks.
    """
    header, shared, sides = b"", b"", b""
    frame: list[bytes] = []

    def whole() -> bytes:
        return SIGNATURE + chunk_with(b"IHDR", sides + header[8:]) + shared + b"".join(frame) + chunk_with(b"IEND", b"")

    for chunk in chunks_of(data):
        if chunk.name == b"IHDR":
            header = data[chunk.start : chunk.end]
        elif chunk.name in _SHARED:
            shared += chunk_with(chunk.name, data[chunk.start : chunk.end])
        elif chunk.name == b"fdAT":
            # A chunk that is shorter than its number has nothing behind it.
            begin = min(chunk.start + _SEQUENCE_NUMBER_BYTES, chunk.end)
            frame.append(chunk_with(b"IDAT", data[begin : chunk.end]))
        elif chunk.name in {b"fcTL", b"IEND"}:
            if frame:
                yield whole()
            frame, sides = [], data[chunk.start : chunk.end][_SIDES]
