"""The index of further pictures in a JPEG file: the Multi-Picture Format (CIPA DC-007)."""

import struct
from collections.abc import Iterator
from mmap import mmap
from typing import Final

from authsvc.imaging.jpeg.segments import APP2, Segment, app_segment, first_of
from authsvc.imaging.jpeg.walk import Jpeg

_MPF: Final = b"MPF\0"
_MP_ENTRIES: Final = 0xB002
_MAX_PICTURES: Final = 8
_MAX_TAGS: Final = 32
_ENTRY: Final = "IIIHH"
_PRIMARY: Final = 0x030000
"""Attributes of the entry of the baseline primary picture (5.2.3.3.1); the other entry gets 0, undefined."""

_UNDEFINED: Final = 7
_LONG: Final = 4
_INDEX_BYTES: Final = 50
"""The size of the index without its entries: a TIFF header and three tags."""


def find_index(data: bytes | mmap, jpeg: Jpeg) -> Segment | None:
    """Return the segment that lists the further pictures, None without one."""
    return first_of(data, jpeg.segments, APP2, _MPF)


def further_pictures(data: bytes | mmap, jpeg: Jpeg, index: Segment) -> Iterator[tuple[int, int]]:
    """Yield where each further picture starts and ends: JPEGs within the file that do not overlap."""
    end = jpeg.segments[-1].end
    for start, stop in sorted(_entries(data, index)):
        # No byte is part of two, so that reading all of them is one pass through the file.
        if end <= start < stop <= len(data) and data[start : start + 3] == b"\xff\xd8\xff":
            yield start, stop
            end = stop


def index_of_two(*, first: int, second: int, before: int) -> bytes:
    """Return the segment (5.2) that lists two pictures which follow each other; its length is always the same.

    `first` and `second` are their lengths in bytes, `before` is the length of what stands before this segment.
    """
    # Offsets count from the TIFF header, which follows the name of the segment.
    offset = max(first - before - 4 - len(_MPF), 0)
    index = struct.pack(
        ">4sIHHHI4sHHIIHHIII",
        *(b"MM\0*", 8, 3),
        *(0xB000, _UNDEFINED, 4, b"0100"),
        *(0xB001, _LONG, 1, 2),
        *(_MP_ENTRIES, _UNDEFINED, 2 * struct.calcsize(_ENTRY), _INDEX_BYTES),
        0,
    )
    entries = struct.pack(f">{_ENTRY}", _PRIMARY, first, 0, 0, 0)
    entries += struct.pack(f">{_ENTRY}", 0, second, offset, 0, 0)
    return app_segment(APP2, _MPF + index + entries)


def _entries(data: bytes | mmap, index: Segment) -> Iterator[tuple[int, int]]:
    """Yield where each further picture starts and ends according to the index."""
    header = index.start + 4 + len(_MPF)
    block = data[header : index.end]
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        return
    try:
        (at,) = struct.unpack_from(f"{order}I", block, 4)
        (tags,) = struct.unpack_from(f"{order}H", block, at)
        for number in range(min(tags, _MAX_TAGS)):
            tag, _, count, place = struct.unpack_from(f"{order}HHII", block, at + 2 + 12 * number)
            if tag == _MP_ENTRIES:
                for picture in range(min(count // struct.calcsize(_ENTRY), _MAX_PICTURES)):
                    entry = struct.unpack_from(f"{order}{_ENTRY}", block, place + picture * struct.calcsize(_ENTRY))
                    start = header + entry[2]
                    if entry[2]:
                        yield start, start + entry[1]
                return
    except struct.error:
        return
