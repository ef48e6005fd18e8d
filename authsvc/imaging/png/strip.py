"""Remove the metadata of a PNG file without changing a pixel (PNG, Third Edition)."""

import zlib
from itertools import takewhile
from mmap import mmap
from typing import Final

from authsvc.imaging.exif import UPRIGHT, orientation, orientation_alone
from authsvc.imaging.icc import without_device
from authsvc.imaging.limits import MAX_PROFILE_BYTES
from authsvc.imaging.pieces import Piece, joined, reused
from authsvc.imaging.png.chunks import Chunk, chunk_with
from authsvc.imaging.png.walk import COMPRESSED, Png

_SIGNATURE_BYTES: Final = 8
# Every decoder needs these (section 5.6).
_CRITICAL: Final = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
# Chunks that change how the picture is shown (colours, transparency, shape of a pixel), with the lengths that
# they may have (section 11.3). Decoders ignore one of another length, a second one, and one after the picture data.
_NEEDED_TO_SHOW: Final = {
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
    """Return the orientation in which the picture is shown, 1 to 8 (section 11.3.4.5)."""
    chunk = _exif(png)
    return UPRIGHT if chunk is None else orientation(bytes(data[chunk.start : chunk.end]))


def _exif(png: Png) -> Chunk | None:
    """Return the Exif chunk that browsers use: the first one, before the picture data (tried with Chromium 156)."""
    before_data = takewhile(lambda chunk: chunk.name != b"IDAT", png.chunks)
    return next((chunk for chunk in before_data if chunk.name == _EXIF), None)


def strip_png(data: bytes | mmap, png: Png) -> list[Piece]:
    """Return the file without metadata; colours, transparency, orientation and animation are kept."""
    exif, block = _exif(png), orientation_alone(png_orientation(data, png))
    pieces: list[Piece] = [range(_SIGNATURE_BYTES)]
    kept: set[bytes] = set()
    for chunk in png.chunks:
        if chunk is exif and block:
            pieces.append(reused(data, chunk.start - 8, chunk_with(_EXIF, block)))
        elif chunk.name == b"IEND":
            pieces.append(reused(data, chunk.start - 8, chunk_with(b"IEND", b"")))
        elif chunk.name in _CRITICAL or _is_shown(chunk, kept):
            pieces.append(_profile(data, chunk) if chunk.name == b"iCCP" else _whole(chunk))
            kept.add(chunk.name)
    return joined(pieces)


def _profile(data: bytes | mmap, chunk: Chunk) -> Piece:
    """Return a colour profile without what identifies a device, b"" when it cannot be read (section 11.3.2.3)."""
    content = bytes(data[chunk.start : chunk.end])
    match = COMPRESSED[chunk.name].match(content)
    if match is None:
        return b""
    inflater = zlib.decompressobj()
    try:
        # The walk has checked that all compressed chunks together inflate to at most MAX_INFLATED_BYTES.
        profile = inflater.decompress(content[match.end() :])
    except zlib.error:
        return b""
    cleaned = without_device(profile)
    if inflater.eof and not inflater.unused_data and cleaned == profile:
        return _whole(chunk)
    # The fastest level: 4 MiB can take half a second with the usual one, and save some bytes of an ordinary profile.
    return chunk_with(chunk.name, match[0] + zlib.compress(cleaned, 1)) if inflater.eof else b""


def _is_shown(chunk: Chunk, kept: set[bytes]) -> bool:
    """Return whether decoders use an ancillary chunk, given the names of the chunks kept before it."""
    if chunk.name in _FRAMES:
        return b"acTL" in kept
    lengths = _NEEDED_TO_SHOW.get(chunk.name, ())
    return chunk.end - chunk.start in lengths and not {chunk.name, b"IDAT"} & kept


def without_trailer_png(_data: bytes | mmap, png: Png) -> list[Piece]:
    """Return the file without what follows it."""
    return [range(_whole(png.chunks[-1]).stop)]


def _whole(chunk: Chunk) -> range:
    """Return a chunk with its length, name and CRC (section 5.3)."""
    return range(chunk.start - 8, chunk.end + 4)
