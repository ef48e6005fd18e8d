"""Walk through a PNG file's chunks without decoding a pixel of it (PNG, Third Edition)."""

import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from mmap import mmap
from typing import Final, NoReturn, Self

from authsvc.errors import Bomb, Corrupt, Truncated
from authsvc.imaging.limits import Limits

MAX_CHUNKS: Final = 50_000
"""20 MB in pieces of 400 bytes, smaller than any encoder's; more is an attack on our time."""
MAX_INFLATED_BYTES: Final = 4 * 2**20
"""The most that all compressed chunks together may hold which are no picture data: a colour profile,
texts. Each with a limit of its own, 20 MB of them kept the interpreter for 15 s."""
_STEP_BYTES: Final = 2**16
_MOST_EXPANSION: Final = 1100
"""DEFLATE makes at most 1,032 bytes out of one (zlib, "Maximum Compression Factor")."""

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
# Samples of a pixel, and the bits that a sample may have, by colour type: section 11.2.1.
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS: Final = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_INDEXED: Final = 3
_HEADER: Final = ">IIBBBBB"
_MAX_SIDE: Final = 2**31 - 1  # section 7.1
_FRAME_CONTROL_BYTES: Final = 26
_NAME: Final = re.compile(rb"[A-Za-z]{4}")
COMPRESSED: Final = {
    b"iCCP": re.compile(rb"[^\0]{1,79}\0\0"),
    b"zTXt": re.compile(rb"[^\0]{1,79}\0\0"),
    b"iTXt": re.compile(rb"[^\0]{1,79}\0\x01\0[^\0]*\0[^\0]*\0"),
}
"""What stands before the compressed part of a chunk: sections 11.3.2.3, 11.3.3.3 and 11.3.3.4."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk: its four-letter name, and where its content lies in the file, in bytes.

    Its length and name lie in the 8 bytes before it, its CRC in the 4 behind it.
    """

    name: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Png:
    """What a whole PNG file is made of: its chunks from IHDR to IEND, its size in pixels."""

    chunks: tuple[Chunk, ...]
    width: int
    height: int
    frames: int


def walk_png(data: bytes | mmap, limits: Limits) -> Png:
    """Return the structure of the PNG file `data`.

    Time is linear in its length, most of it for CRCs: 10 ms for 12 megapixels in 18 MB. Raises Truncated when it
    ends before its IEND, Corrupt when it makes no sense or a CRC is wrong,
    TooManyPixels and TooManyFrames beyond the limits, Bomb when a chunk
    inflates to far more than it may.
    """
    reading = chunks_of(data)
    chunks = [next(reading)]
    header = _Header.read(data, chunks[0])
    limits.check(header.width, header.height, is_buffered=header.interlaced)
    chunks += reading
    for chunk in chunks:
        _check_crc(data, chunk)
    _check_inflated(data, [chunk for chunk in chunks if chunk.name in COMPRESSED])
    _check_order(chunks, header)
    _check_data(chunks, header)
    return Png(tuple(chunks), header.width, header.height, _frames(data, chunks, limits))


@dataclass(frozen=True, slots=True)
class _Header:
    """IHDR: section 11.2.1."""

    width: int
    height: int
    depth: int
    colour_type: int
    interlaced: bool

    @classmethod
    def read(cls, data: bytes | mmap, chunk: Chunk) -> Self:
        if chunk.name != b"IHDR" or chunk.end - chunk.start != struct.calcsize(_HEADER):
            _refuse("its first chunk is not IHDR")
        width, height, depth, colour_type, compression, filters, interlace = struct.unpack_from(
            _HEADER, data, chunk.start
        )
        if not width or not height or max(width, height) > _MAX_SIDE:
            _refuse(f"it says {width} x {height} pixels")
        if depth not in _DEPTHS.get(colour_type, ()):
            _refuse(f"it says {depth} bits of colour type {colour_type}")
        if compression or filters or interlace > 1:
            _refuse(f"it says compression {compression}, filter {filters}, interlace {interlace}")
        return cls(width, height, depth, colour_type, bool(interlace))

    @property
    def raw_bytes(self) -> int:
        """How much the data inflates to at the least: with interlacing it is a little more."""
        return self.height * (1 + (self.width * self.depth * _CHANNELS[self.colour_type] + 7) // 8)


def chunks_of(data: bytes | mmap) -> Iterator[Chunk]:
    """Yield the chunks from behind the signature to IEND (section 5.3). Raises Truncated, Corrupt."""
    if data[:8] != SIGNATURE:
        _refuse("it does not begin with a signature")
    at = 8
    for _ in range(MAX_CHUNKS):
        if at + 12 > len(data):
            raise Truncated(reason=f"its IEND chunk is missing behind its {len(data)} bytes")
        length, name = struct.unpack_from(">I4s", data, at)
        if not _NAME.fullmatch(name):
            _refuse(f"a chunk is called {name!r}")
        chunk = Chunk(name, at + 8, at + 8 + length)
        at = chunk.end + 4
        if at > len(data):
            raise Truncated(reason=f"it ends within the chunk {name.decode()}, after {len(data)} bytes")
        yield chunk
        if name == b"IEND":
            return
    _refuse(f"it has more than {MAX_CHUNKS} chunks")


def chunk_with(name: bytes, content: bytes) -> bytes:
    """Return a chunk with its length and CRC (section 5.3)."""
    return len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")


def _check_crc(data: bytes | mmap, chunk: Chunk) -> None:
    # A view: the content of a chunk may be all of the file.
    with memoryview(data) as view, view[chunk.start - 4 : chunk.end] as covered:
        crc = zlib.crc32(covered)
    if crc != int.from_bytes(data[chunk.end : chunk.end + 4], "big"):
        _refuse(f"the CRC of its chunk {chunk.name.decode()} is wrong")


def _check_order(chunks: Sequence[Chunk], header: _Header) -> None:
    """Refuse what decoders do: a second header, a missing palette, data in several places (section 5.6)."""
    names = [chunk.name for chunk in chunks]
    if names.count(b"IHDR") > 1:
        _refuse("it has two IHDR chunks")
    if b"IDAT" not in names:
        _refuse("it has no IDAT chunk")
    first = names.index(b"IDAT")
    if header.colour_type == _INDEXED and b"PLTE" not in names[:first]:
        _refuse("its palette is missing")
    if b"IDAT" in names[first + len(list(takewhile(b"IDAT".__eq__, names[first:]))) :]:
        _refuse("its IDAT chunks do not follow each other")


def _check_data(chunks: Sequence[Chunk], header: _Header) -> None:
    """Compare the data with the least that so many pixels deflate to."""
    present = sum(chunk.end - chunk.start for chunk in chunks if chunk.name == b"IDAT")
    least = header.raw_bytes // _MOST_EXPANSION
    if present < least:
        raise Truncated(reason=f"its size takes at least {least} bytes of picture data; it has {present}")


def _check_inflated(data: bytes | mmap, chunks: Sequence[Chunk]) -> None:
    """Raise Bomb when profile and texts together inflate beyond MAX_INFLATED_BYTES."""
    left = MAX_INFLATED_BYTES
    for chunk in chunks:
        content = data[chunk.start : chunk.end]
        match = COMPRESSED[chunk.name].match(content)
        if match is None:
            continue
        for size in _inflated_sizes(content[match.end() :]):
            left -= size
            if left < 0:
                raise Bomb(what=f"picture's chunk {chunk.name.decode()}", limit_bytes=MAX_INFLATED_BYTES)


def _inflated_sizes(deflated: bytes) -> Iterator[int]:
    """Yield how many bytes each step of inflating makes.

    Damage ends it: every program shows a picture whose texts or profile are broken. The step in
    which it is found counts as a whole, so that many such chunks take no longer than one that is none.
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
    """Return the number of frames; of an animation (section 11.3.6) within the limits."""
    controls = [chunk for chunk in chunks if chunk.name == b"fcTL"]
    if not controls:
        return 1
    pixels = 0
    for control in controls:
        if control.end - control.start != _FRAME_CONTROL_BYTES:
            _refuse("a frame header of its animation has a wrong length")
        width, height = struct.unpack_from(">4xII", data, control.start)
        pixels += width * height
    limits.check_frames(len(controls), pixels)
    return len(controls)


def _refuse(reason: str) -> NoReturn:
    raise Corrupt(kind="PNG", reason=reason)
