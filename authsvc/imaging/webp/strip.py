"""Remove the metadata of a WebP file without changing a pixel (RFC 9649)."""

import struct
from collections.abc import Iterator, Sequence
from mmap import mmap
from typing import Final

from authsvc.imaging.exif import UPRIGHT, orientation, orientation_alone
from authsvc.imaging.icc import without_device
from authsvc.imaging.pieces import Piece, joined, length, reused
from authsvc.imaging.webp.walk import ANIMATION, FRAME_HEADER_BYTES, Chunk, Webp, frame_chunks

_HEADER_BYTES: Final = 12
_PICTURE: Final = frozenset({b"VP8 ", b"VP8L", b"ALPH"})
_EXIF: Final = b"EXIF"
_HAS_PROFILE, _HAS_ALPHA, _HAS_EXIF = 0x20, 0x10, 0x08  # flags of VP8X: section 2.7.1
_ANIM_BYTES: Final = 6  # section 2.7.1.1


def _orientation(data: bytes | mmap, webp: Webp) -> int:
    chunk = next((chunk for chunk in webp.chunks if chunk.name == _EXIF), None)
    if chunk is None:
        return UPRIGHT
    # Some writers begin it in the way of a JPEG.
    return orientation(bytes(data[chunk.start : chunk.end]).removeprefix(b"Exif\0\0"))


def strip_webp(data: bytes | mmap, webp: Webp) -> list[Piece]:
    """Return the file without metadata; profile, transparency, orientation and animation are kept."""
    if webp.chunks[0].name != b"VP8X":
        # Decoders ignore anything after the picture (section 2.5).
        return _file(data, list(_padded(data, webp.chunks[0])))
    block = orientation_alone(_orientation(data, webp))
    return _file(data, list(_kept(data, webp, block)))


def without_trailer_webp(data: bytes | mmap, _webp: Webp) -> list[Piece]:
    """Return the file without what follows it."""
    return [range(8 + int.from_bytes(data[4:8], "little"))]


def _kept(data: bytes | mmap, webp: Webp, block: bytes) -> Iterator[Piece]:
    """Yield the chunks without metadata; `block` is the Exif to keep.

    Frames and pictures may occur several times. Of any other chunk, decoders use only the first (RFC 9649 allows it
    for profiles in section 2.7.1.4).
    """
    first = {chunk.name: chunk for chunk in reversed(webp.chunks)}
    flags = data[webp.chunks[0].start]
    # Decoders ignore a profile or an animation that the flags do not declare.
    has_profile, is_animated = bool(flags & _HAS_PROFILE) and b"ICCP" in first, bool(flags & ANIMATION)
    for chunk in webp.chunks:
        if chunk.name in _PICTURE:
            yield from _padded(data, chunk)
        elif chunk.name == b"ANMF" and is_animated:
            yield from _frame(data, chunk)
        elif chunk is not first[chunk.name]:
            continue
        elif chunk.name == b"VP8X":
            yield _features(data, chunk, has_profile=has_profile, has_exif=bool(block))
        elif chunk.name == b"ICCP" and has_profile:
            yield reused(data, chunk.start - 8, _chunk(b"ICCP", without_device(bytes(data[chunk.start : chunk.end]))))
        elif chunk.name == b"ANIM" and is_animated:
            yield reused(data, chunk.start - 8, _chunk(b"ANIM", bytes(data[chunk.start : chunk.end][:_ANIM_BYTES])))
        elif chunk.name == _EXIF and block:
            yield reused(data, chunk.start - 8, _chunk(_EXIF, block))


def _features(data: bytes | mmap, chunk: Chunk, *, has_profile: bool, has_exif: bool) -> Piece:
    flags = data[chunk.start] & (ANIMATION | _HAS_ALPHA) | _HAS_PROFILE * has_profile | _HAS_EXIF * has_exif
    # Three bytes are reserved. A later version of the format might add bytes after these ten; they are dropped.
    size = bytes(data[chunk.start + 4 : chunk.start + 10])
    return reused(data, chunk.start - 8, _chunk(b"VP8X", bytes((flags, 0, 0, 0)) + size))


def _frame(data: bytes | mmap, frame: Chunk) -> Iterator[Piece]:
    """Yield a frame of an animation with only its picture."""
    inner: list[Piece] = [range(frame.start, frame.start + FRAME_HEADER_BYTES)]
    for chunk in frame_chunks(data, frame):
        if chunk.name in _PICTURE:
            inner += _padded(data, chunk)
    yield reused(data, frame.start - 8, b"ANMF" + struct.pack("<I", length(inner)))
    yield from inner


def _padded(data: bytes | mmap, chunk: Chunk) -> Iterator[Piece]:
    """Yield a chunk with its header, and the zero that makes its length even (section 2.3)."""
    yield range(chunk.start - 8, chunk.end)
    if (chunk.end - chunk.start) % 2:
        yield reused(data, chunk.end, b"\0")


def _file(data: bytes | mmap, pieces: Sequence[Piece]) -> list[Piece]:
    header = b"RIFF" + struct.pack("<I", 4 + length(pieces)) + b"WEBP"
    return joined([reused(data, 0, header), *pieces])


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
