"""Take an animated PNG apart into pictures that any PNG decoder reads (PNG, Third Edition, section 11.3.6)."""

from collections.abc import Iterator
from typing import Final

from authsvc.imaging.png import SIGNATURE, chunk_with, chunks_of

# What a frame has in common with the picture: colours and transparency.
_SHARED: Final = frozenset({b"PLTE", b"tRNS"})
_SIDES: Final = slice(4, 12)
_SEQUENCE_NUMBER_BYTES: Final = 4


def later_frames(data: bytes) -> Iterator[bytes]:
    """Yield each frame whose data stands in fdAT chunks as a PNG of its own; none of a picture that does not move.

    Raises Truncated and Corrupt for what has no chunks.
    """
    header, shared, sides = b"", b"", b""
    frame: list[bytes] = []

    def whole() -> bytes:
        return SIGNATURE + chunk_with(b"IHDR", sides + header[8:]) + shared + b"".join(frame) + chunk_with(b"IEND", b"")

    for chunk in chunks_of(data):
        content = data[chunk.start : chunk.end]
        if chunk.name == b"IHDR":
            header = content
        elif chunk.name in _SHARED:
            shared += chunk_with(chunk.name, content)
        elif chunk.name == b"fdAT":
            frame.append(chunk_with(b"IDAT", content[_SEQUENCE_NUMBER_BYTES:]))
        elif chunk.name in {b"fcTL", b"IEND"}:
            if frame:
                yield whole()
            frame, sides = [], content[_SIDES]
