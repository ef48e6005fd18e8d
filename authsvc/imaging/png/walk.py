"""Walk through a PNG file's chunks without decoding a pixel of it (PNG, Third Edition)."""

import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from mmap import mmap
from typing import Final

from authsvc.errors import Bomb, Truncated
from authsvc.imaging.limits import Limits
from authsvc.imaging.png.chunks import Chunk, Header, chunks_of, refuse

MAX_INFLATED_BYTES: Final = 4 * 2**20
"""The maximum for all compressed chunks together that are not picture data: a colour profile, texts.
With a limit for each chunk instead, 20 MB of such chunks took 15 s. It also applies before they are inflated: 20 MB of
empty DEFLATE blocks took 2 s and inflated to nothing."""
_STEP_BYTES: Final = 2**16
_MAX_EXPANSION: Final = 1100
"""DEFLATE makes at most 1,032 bytes out of one (zlib, "Maximum Compression Factor")."""
_FRAME_CONTROL_BYTES: Final = 26
COMPRESSED: Final = {
    b"iCCP": re.compile(rb"[^\0]{1,79}\0\0"),
    b"zTXt": re.compile(rb"[^\0]{1,79}\0\0"),
    b"iTXt": re.compile(rb"[^\0]{1,79}\0\x01\0[^\0]*\0[^\0]*\0"),
}
"""The beginning of each chunk before its compressed part: sections 11.3.2.3, 11.3.3.3 and 11.3.3.4."""


@dataclass(frozen=True, slots=True)
class Png:
    """The structure of a PNG file: its chunks from IHDR to IEND, its size in pixels, its frames."""

    chunks: tuple[Chunk, ...]
    width: int
    height: int
    frames: int


def walk_png(data: bytes | mmap, limits: Limits) -> Png:
    """Return the structure of the PNG file `data`.

    Time is linear in its length, most of it for CRCs: 10 ms for 12 megapixels in 18 MB.
    Raises Truncated when the file ends before its IEND, Corrupt when it is damaged or a
    CRC is wrong, TooManyPixels and TooManyFrames beyond the limits, Bomb when chunks
    inflate to far more than they may.
    """
    reading = chunks_of(data)
    chunks = [next(reading)]
    header = Header.read(data, chunks[0])
    limits.check(header.width, header.height, is_buffered=header.is_interlaced)
    chunks += reading
    for chunk in chunks:
        _check_crc(data, chunk)
    _check_inflated(data, [chunk for chunk in chunks if chunk.name in COMPRESSED])
    _check_order(chunks, header)
    _check_data(chunks, header)
    return Png(tuple(chunks), header.width, header.height, _frames(data, chunks, limits))


def _check_crc(data: bytes | mmap, chunk: Chunk) -> None:
    # Not a copy but a view: the content of a chunk may be almost all of the file.
    with memoryview(data) as view, view[chunk.start - 4 : chunk.end] as covered:
        crc = zlib.crc32(covered)
    if crc != int.from_bytes(data[chunk.end : chunk.end + 4], "big"):
        refuse(f"the CRC of its chunk {chunk.name.decode()} is wrong")


def _check_order(chunks: Sequence[Chunk], header: Header) -> None:
    """Refuse what decoders refuse: a second header or palette, a missing one, data in several places (section 5.6)."""
    names = [chunk.name for chunk in chunks]
    for name in (b"IHDR", b"PLTE"):
        if names.count(name) > 1:
            refuse(f"it has two {name.decode()} chunks")
    if b"IDAT" not in names:
        refuse("it has no IDAT chunk")
    first = names.index(b"IDAT")
    if header.needs_palette and b"PLTE" not in names[:first]:
        refuse("its palette is missing")
    if b"IDAT" in names[first + len(list(takewhile(b"IDAT".__eq__, names[first:]))) :]:
        refuse("its IDAT chunks do not follow each other")


def _check_data(chunks: Sequence[Chunk], header: Header) -> None:
    """Compare the length of the data with the minimum that so many pixels deflate to."""
    present = sum(chunk.end - chunk.start for chunk in chunks if chunk.name == b"IDAT")
    least = header.raw_bytes // _MAX_EXPANSION
    if present < least:
        raise Truncated(reason=f"a picture of its size has at least {least} bytes of data; this one has {present}")


def _check_inflated(data: bytes | mmap, chunks: Sequence[Chunk]) -> None:
    """Raise Bomb when profile and texts together are larger than MAX_INFLATED_BYTES, compressed or not."""
    deflated = inflated = 0
    for chunk in chunks:
        content = data[chunk.start : chunk.end]
        match = COMPRESSED[chunk.name].match(content)
        if match is None:
            continue
        deflated += len(content) - match.end()
        _check_size(chunk, deflated)
        for size in _inflated_sizes(content[match.end() :]):
            inflated += size
            _check_size(chunk, inflated)


def _check_size(chunk: Chunk, size: int) -> None:
    if size > MAX_INFLATED_BYTES:
        raise Bomb(what=f"picture's chunk {chunk.name.decode()}", limit_bytes=MAX_INFLATED_BYTES)


def _inflated_sizes(deflated: bytes) -> Iterator[int]:
    """Yield how many bytes each step of inflating makes.

    It stops at damage, because every program shows a picture whose texts or profile are damaged.
    The step that finds the damage counts as a full one, so that many damaged chunks take no
    longer than one large chunk.
    """
    inflater = zlib.decompressobj()
    while deflated and not inflater.eof:
        try:
            yield len(inflater.decompress(deflated, _STEP_BYTES))
        except zlib.error:
            yield _STEP_BYTES
            return
        deflated = inflater.unconsumed_tail


def _frames(data: bytes | mmap, chunks: Sequence[Chunk], limits: Limits) -> int:
    """Return the number of frames of a picture or an animation (section 11.3.6). Raises TooManyFrames, Corrupt."""
    controls = [chunk for chunk in chunks if chunk.name == b"fcTL"]
    if not controls:
        return 1
    pixels = 0
    for control in controls:
        if control.end - control.start != _FRAME_CONTROL_BYTES:
            refuse("a frame header of its animation has a wrong length")
        width, height = struct.unpack_from(">4xII", data, control.start)
        pixels += width * height
    limits.check_frames(len(controls), pixels)
    return len(controls)
