"""Boxes of the ISO base media file format, on which AVIF is built (ISO/IEC 14496-12)."""

import struct
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from mmap import mmap
from typing import Final

from authsvc.errors import Corrupt

MAX_BOXES: Final = 5000
"""Limit for one box. A picture of 256 tiles has about 1,000 properties. More is an attack on our time."""

_HEADER_BYTES: Final = 8
_LARGE_HEADER_BYTES: Final = 16
_FULL_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Box:
    """One box: its four-character type, where it starts, where its content starts, and where it ends in the file."""

    kind: bytes
    start: int
    content: int
    end: int


def boxes(data: bytes | mmap, start: int, end: int, *, most: int = MAX_BOXES) -> Iterator[Box]:
    """Yield the boxes between two places (section 4.2), at most `most`.

    Raises Corrupt for more, and for a box that is longer than its container.
    """
    at = start
    for _ in range(most):
        if at == end:
            return
        box = read_box(data, at, end)
        if box is None or box.end > end:
            raise Corrupt(kind="AVIF", reason="a box in it is longer than what holds it")
        yield box
        at = box.end
    raise Corrupt(kind="AVIF", reason=f"a box holds more than {most} others")


def first_of_each(found: Iterable[Box], alone: AbstractSet[bytes]) -> dict[bytes, Box]:
    """Return the first box of each type. Raises Corrupt for a second one of a type in `alone`.

    Some programs use the first of two and some the last, so the one that is shown might not be the one checked here.
    """
    first: dict[bytes, Box] = {}
    for box in found:
        if first.setdefault(box.kind, box) is not box and box.kind in alone:
            raise Corrupt(kind="AVIF", reason=f"it has two {box.kind.decode()} boxes where it must have one")
    return first


def read_box(data: bytes | mmap, at: int, end: int) -> Box | None:
    """Return the box at `at`, None where no box can start; it may declare to end after `end`.

    A size of 0 means that it reaches to `end`, one of 1 that the size is in the 8 bytes after the type.
    """
    if end - at < _HEADER_BYTES:
        return None
    size, kind = struct.unpack_from(">I4s", data, at)
    header = _HEADER_BYTES
    if size == 1:
        if end - at < _LARGE_HEADER_BYTES:
            return None
        (size,) = struct.unpack_from(">Q", data, at + _HEADER_BYTES)
        header = _LARGE_HEADER_BYTES
    elif size == 0:
        size = end - at
    return Box(kind, at, at + header, at + size) if size >= header else None


class Reader:
    """Reads big-endian numbers from the content of a box. Raises Corrupt at its end.

    A full box (section 4.2.2) begins with a version and flags.
    """

    def __init__(self, data: bytes | mmap, box: Box) -> None:
        self._data = data
        self.at = box.content
        self.end = box.end

    def full(self) -> tuple[int, int]:
        """Return a full box's version and flags."""
        word = self.number(_FULL_BYTES)
        return word >> 24, word & 0xFFFFFF

    def number(self, size: int) -> int:
        """Return the next number, of `size` bytes."""
        return int.from_bytes(self.take(size), "big")

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        if self.at + size > self.end:
            raise Corrupt(kind="AVIF", reason="a box in it is shorter than its content")
        found = bytes(self._data[self.at : self.at + size])
        self.at += size
        return found

    def text(self) -> bytes:
        """Return the bytes before the next zero, or the rest."""
        zero = self._data.find(b"\0", self.at, self.end)
        found = bytes(self._data[self.at : self.end if zero < 0 else zero])
        self.at = min(self.at + len(found) + 1, self.end)
        return found
