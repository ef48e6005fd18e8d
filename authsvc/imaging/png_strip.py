"""Leave of a PNG file what a decoder shows, and drop the rest without touching a pixel (PNG, Third Edition)."""

from mmap import mmap
from typing import Final

from authsvc.imaging.exif import UPRIGHT, orientation, orientation_alone
from authsvc.imaging.pieces import Piece, joined, reused
from authsvc.imaging.png import Chunk, Png, chunk_with

_SIGNATURE_BYTES: Final = 8
# Colours, transparency, animation, shape of a pixel: what changes how it is shown. All others that a decoder
# may pass over (their first letter is small, section 5.4) go.
_SHOWN: Final = frozenset(
    {b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"bKGD", b"hIST", b"pHYs"}
    | {b"acTL", b"fcTL", b"fdAT"}
)
_EXIF: Final = b"eXIf"


def png_orientation(data: bytes | mmap, png: Png) -> int:
    """Return how the picture is to be turned, 1 to 8 (section 11.3.4.5)."""
    chunk = next((chunk for chunk in png.chunks if chunk.name == _EXIF), None)
    return UPRIGHT if chunk is None else orientation(bytes(data[chunk.start : chunk.end]))


def strip_png(data: bytes | mmap, png: Png) -> list[Piece]:
    """Return the file without metadata: what belongs to colours, transparency and animation stays."""
    block = orientation_alone(png_orientation(data, png))
    pieces: list[Piece] = [range(_SIGNATURE_BYTES)]
    for chunk in png.chunks:
        if chunk.name == _EXIF:
            if block:
                pieces.append(reused(data, chunk.start - 8, chunk_with(_EXIF, block)))
            block = b""
        elif chunk.name in _SHOWN or chunk.name[:1].isupper():
            pieces.append(_whole(chunk))
    return joined(pieces)


def cut_png(data: bytes | mmap, png: Png) -> list[Piece]:  # noqa: ARG001 — the form of all of its kind
    """Return the file without what follows it."""
    return [range(_whole(png.chunks[-1]).stop)]


def _whole(chunk: Chunk) -> range:
    """Return a chunk with its length, name and CRC (section 5.3)."""
    return range(chunk.start - 8, chunk.end + 4)
