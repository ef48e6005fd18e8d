"""Leave of a PNG file what a decoder shows, and drop the rest without touching a pixel (PNG, Third Edition)."""

from mmap import mmap
from typing import Final

from authsvc.imaging.exif import UPRIGHT, orientation, orientation_alone
from authsvc.imaging.limits import MAX_PROFILE_BYTES
from authsvc.imaging.pieces import Piece, joined, reused
from authsvc.imaging.png import Chunk, Png, chunk_with

_SIGNATURE_BYTES: Final = 8
# What no decoder can do without (section 5.6).
_CRITICAL: Final = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
# Colours, transparency, shape of a pixel: what changes how it is shown, with the lengths that it may have
# (section 11.3). Decoders pass over others, over a second one, and over one behind the picture data.
_SHOWN: Final = {
    b"tRNS": range(1, 257),
    b"cHRM": (32,),
    b"gAMA": (4,),
    b"iCCP": range(1, MAX_PROFILE_BYTES),
    b"sBIT": range(1, 5),
    b"sRGB": (1,),
    b"cICP": (4,),
    b"mDCV": (24,),
    b"cLLI": (8,),
    b"bKGD": (1, 2, 6),
    b"pHYs": (9,),
    b"acTL": (8,),
}
_FRAMES: Final = frozenset({b"fcTL", b"fdAT"})
_EXIF: Final = b"eXIf"


def png_orientation(data: bytes | mmap, png: Png) -> int:
    """Return how the picture is to be turned, 1 to 8 (section 11.3.4.5)."""
    chunk = next((chunk for chunk in png.chunks if chunk.name == _EXIF), None)
    return UPRIGHT if chunk is None else orientation(bytes(data[chunk.start : chunk.end]))


def strip_png(data: bytes | mmap, png: Png) -> list[Piece]:
    """Return the file without metadata: what belongs to colours, transparency and animation stays."""
    block = orientation_alone(png_orientation(data, png))
    pieces: list[Piece] = [range(_SIGNATURE_BYTES)]
    kept: set[bytes] = set()
    for chunk in png.chunks:
        if chunk.name == _EXIF:
            if block:
                pieces.append(reused(data, chunk.start - 8, chunk_with(_EXIF, block)))
            block = b""
        elif chunk.name == b"IEND":
            pieces.append(reused(data, chunk.start - 8, chunk_with(b"IEND", b"")))
        elif chunk.name in _CRITICAL or _is_shown(chunk, kept):
            pieces.append(_whole(chunk))
            kept.add(chunk.name)
    return joined(pieces)


def _is_shown(chunk: Chunk, kept: set[bytes]) -> bool:
    """Return whether decoders heed an ancillary chunk behind those that stay before it."""
    if chunk.name in _FRAMES:
        return b"acTL" in kept
    lengths = _SHOWN.get(chunk.name, ())
    return chunk.end - chunk.start in lengths and not {chunk.name, b"IDAT"} & kept


def cut_png(data: bytes | mmap, png: Png) -> list[Piece]:  # noqa: ARG001 — the form of all of its kind
    """Return the file without what follows it."""
    return [range(_whole(png.chunks[-1]).stop)]


def _whole(chunk: Chunk) -> range:
    """Return a chunk with its length, name and CRC (section 5.3)."""
    return range(chunk.start - 8, chunk.end + 4)
