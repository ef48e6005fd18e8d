"""The size of the frames of an AV1 stream itself, which the file around it may hide (AV1, section 5.5)."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import accumulate
from mmap import mmap
from typing import Final

from authsvc.errors import Corrupt

MAX_UNITS: Final = 50_000
"""Limit for all streams of a file together. A picture has three units, an animation a few for each frame. More is an
attack on our time."""
MAX_HEADERS: Final = 64
"""Limit for different sequence headers of all streams of a file together. All tiles of a picture have the same, and all
frames of a track; its transparency and its gain map have others."""

_SEQUENCE_HEADER: Final = 1  # OBU type: section 6.2.2
_HEAD_BYTES: Final = 10  # of a unit: two, and a length of at most eight
_MAX_SEQUENCE_BYTES: Final = 1024
"""A sequence header with all of its 32 operating points takes less than 400."""
_LEVEL_WITH_TIER: Final = 7
_MAX_LEADING_ZEROS: Final = 32


class Sequences:
    """Finds the sequence headers in the streams of one file, which may have at most MAX_UNITS units."""

    def __init__(self, data: bytes | mmap) -> None:
        self._data = data
        self._left = MAX_UNITS
        self._sizes: dict[bytes, tuple[int, int]] = {}

    def frame_sizes(self, places: Sequence[range]) -> set[tuple[int, int]]:
        """Return the largest width and height, in pixels, that each sequence header of a stream allows.

        `places` are where the stream is in the file. Every header counts, because a
        decoder uses each new one. Decoders stop at the first damage, so bytes after
        that do not count. Raises Corrupt beyond MAX_UNITS and MAX_HEADERS.
        """
        found = set()
        stream = _Stream(self._data, places)
        with suppress(IndexError):
            for kind, content in _units(stream):
                self._left -= 1
                if self._left < 0:
                    raise Corrupt(kind="AVIF", reason=f"its AV1 streams have more than {MAX_UNITS} units")
                if kind == _SEQUENCE_HEADER:
                    count = min(len(content), _MAX_SEQUENCE_BYTES)
                    found.add(self._size(stream.take(content.start, count)))
        return found

    def _size(self, header: bytes) -> tuple[int, int]:
        """Return the size in a sequence header. Raises IndexError for one that is damaged."""
        if header not in self._sizes:
            if len(self._sizes) == MAX_HEADERS:
                raise Corrupt(kind="AVIF", reason=f"its AV1 streams have more than {MAX_HEADERS} sequence headers")
            self._sizes[header] = _sequence_size(_Bits(header))
        return self._sizes[header]


class _Stream:
    """The bytes of several places in a file, one after another."""

    def __init__(self, data: bytes | mmap, places: Sequence[range]) -> None:
        self._data = data
        # Without the empty ones, so that any number of them takes time only once.
        self._places = [place for place in places if place]
        self._ends = list(accumulate(map(len, self._places)))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def take(self, at: int, count: int) -> bytes:
        """Return `count` bytes from `at` on, fewer at the end."""
        found = b""
        for number in range(bisect_right(self._ends, at), len(self._places)):
            place = self._places[number]
            start = place.stop - (self._ends[number] - at - len(found))
            found += self._data[start : min(start + count - len(found), place.stop)]
            if len(found) == count:
                break
        return found


def _units(stream: _Stream) -> Iterator[tuple[int, range]]:
    """Yield the type of each unit and the place of its content. Raises IndexError for one that is cut off."""
    at = 0
    while at < len(stream):
        head = stream.take(at, _HEAD_BYTES)
        header = 2 if head[0] & 4 else 1
        length = len(stream) - at - header
        if head[0] & 2:
            length, header = _leb128(head, header)
        content = range(at + header, at + header + length)
        if content.stop > len(stream):
            raise IndexError
        yield head[0] >> 3 & 15, content
        at = content.stop


class _Bits:
    """Reads bits, the first of a byte first (section 4.10.2). Raises IndexError at the end."""

    def __init__(self, content: bytes) -> None:
        self._content = int.from_bytes(content, "big")
        self._left = 8 * len(content)

    def take(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise IndexError
        return self._content >> self._left & (1 << count) - 1

    def skip_variable(self) -> None:
        """Skip a number of variable length: uvlc, section 4.10.3. Raises IndexError for one of more than 31 bits.

        Decoders and the specification disagree on where such a number ends.
        """
        for zeros in range(_MAX_LEADING_ZEROS):
            if self.take(1):
                self.take(zeros)
                return
        raise IndexError


def _leb128(head: bytes, at: int) -> tuple[int, int]:
    """Return the number at `at` (section 4.10.5) and where it ends."""
    number = 0
    for place in range(8):
        byte = head[at + place]
        number |= (byte & 0x7F) << (7 * place)
        if not byte & 0x80:
            return number, at + place + 1
    raise IndexError


def _sequence_size(bits: _Bits) -> tuple[int, int]:
    bits.take(3 + 1)  # profile, still picture
    if bits.take(1):  # reduced header
        bits.take(5)
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(width_bits) + 1, bits.take(height_bits) + 1


def _skip_operating_points(bits: _Bits) -> None:
    delay_bits = 0
    if bits.take(1):  # timing
        bits.take(32)
        bits.take(32)
        if bits.take(1):
            bits.skip_variable()
        if bits.take(1):  # decoder model
            delay_bits = bits.take(5) + 1
            bits.take(32 + 5 + 5)
    has_display_delay = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > _LEVEL_WITH_TIER:
            bits.take(1)
        if delay_bits and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if has_display_delay and bits.take(1):
            bits.take(4)
