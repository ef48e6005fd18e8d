"""The chunks of a PNG file (PNG, Third Edition, section 5)."""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap
from typing import Final, NoReturn, Self

from authsvc.errors import Corrupt, Truncated

MAX_CHUNKS: Final = 50_000
"""A file of 20 MB in chunks of 400 bytes, smaller than any encoder writes. More is an attack on our time."""

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
# Samples of a pixel, and the bits that a sample may have, by colour type: section 11.2.1.
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS: Final = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_INDEXED: Final = 3
_HEADER: Final = ">IIBBBBB"
_MAX_SIDE: Final = 2**31 - 1  # section 7.1
_NAME: Final = re.compile(rb"[A-Za-z]{4}")


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk: its four-letter name, and where its content starts and ends in the file.

    Its length and name are the 8 bytes before the content, its CRC the 4 bytes after it.
    """

    name: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    """The content of IHDR: section 11.2.1."""

    width: int
    height: int
    depth: int
    colour_type: int
    is_interlaced: bool

    @classmethod
    def read(cls, data: bytes | mmap, chunk: Chunk) -> Self:
        """Read it from the first chunk. Raises Corrupt."""
        if chunk.name != b"IHDR" or chunk.end - chunk.start != struct.calcsize(_HEADER):
            refuse("its first chunk is not IHDR")
        width, height, depth, colour_type, compression, filters, interlace = struct.unpack_from(
            _HEADER, data, chunk.start
        )
        if not width or not height or max(width, height) > _MAX_SIDE:
            refuse(f"its header gives a size of {width} x {height} pixels")
        if depth not in _DEPTHS.get(colour_type, ()):
            refuse(f"its header gives {depth} bits of colour type {colour_type}")
        if compression or filters or interlace > 1:
            refuse(f"its header gives compression {compression}, filter {filters}, interlace {interlace}")
        return cls(width, height, depth, colour_type, bool(interlace))

    @property
    def needs_palette(self) -> bool:
        """Whether pixels are numbers of colours in PLTE."""
        return self.colour_type == _INDEXED

    @property
    def raw_bytes(self) -> int:
        """The minimum that the picture data inflates to; with interlacing it is a little more."""
        return self.height * (1 + (self.width * self.depth * _CHANNELS[self.colour_type] + 7) // 8)


def chunks_of(data: bytes | mmap) -> Iterator[Chunk]:
    """Yield the chunks from the signature to IEND (section 5.3). Raises Truncated, Corrupt."""
    if data[:8] != SIGNATURE:
        refuse("it does not begin with a signature")
    at = 8
    for _ in range(MAX_CHUNKS):
        if at + 12 > len(data):
            raise Truncated(reason=f"its IEND chunk is missing after {len(data)} bytes")
        length, name = struct.unpack_from(">I4s", data, at)
        if not _NAME.fullmatch(name):
            refuse(f"a chunk is called {name!r}")
        chunk = Chunk(name, at + 8, at + 8 + length)
        at = chunk.end + 4
        if at > len(data):
            raise Truncated(reason=f"it ends within the chunk {name.decode()}, after {len(data)} bytes")
        yield chunk
        if name == b"IEND":
            return
    refuse(f"it has more than {MAX_CHUNKS} chunks")


def chunk_with(name: bytes, content: bytes) -> bytes:
    """Return a chunk with its length and CRC (section 5.3)."""
    return len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")


def refuse(reason: str) -> NoReturn:
    """Raise Corrupt for a PNG."""
    raise Corrupt(kind="PNG", reason=reason)
