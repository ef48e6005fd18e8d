"""The segments of a JPEG file (ITU-T T.81, annex B)."""

import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from mmap import mmap
from typing import Final, NoReturn

from authsvc.errors import Corrupt, Truncated

MAX_SEGMENTS: Final = 2000
"""A colour profile or Exif of 20 MB takes 320 segments. A file with more than this is an attack on our time."""

SCAN: Final = 0xDA
APP1, APP2 = 0xE1, 0xE2
FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""SOF0 to SOF15. The codes in between are DHT, JPG and DAC: table B.1."""

_START, _END = 0xD8, 0xD9
# Markers without a length: TEM and RST0 to RST7.
_BARE: Final = frozenset({0x01, *range(0xD0, 0xD8)})
_APPLICATION: Final = frozenset({*range(0xE0, 0xF0), 0xFE})

# Like libjpeg, skip anything before the next marker, and fill bytes (B.1.1.2). The pattern contains no
# repetition, so that a megabyte of fill bytes takes linear time.
_MARKER: Final = re.compile(rb"\xff[^\x00\xff]")
# In the data of a scan, a stuffed zero and a restart marker belong to the data (B.1.1.5, B.2.1). libjpeg also
# continues after a TEM marker that appears there in a damaged file.
_MARKER_AFTER_SCAN: Final = re.compile(rb"\xff[^\x00\x01\xff\xd0-\xd7]")


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment: the code of its marker, and its first byte and end in the file.

    It starts with the 0xFF of its marker. The segment of a scan includes the data of the scan.
    """

    marker: int
    start: int
    end: int


def is_application(segment: Segment) -> bool:
    """Return whether it is an application segment or a comment, which are not needed to decode samples."""
    return segment.marker in _APPLICATION


def begins(data: bytes | mmap, segment: Segment, marker: int, name: bytes) -> bool:
    """Return whether the segment has this marker and its payload begins with this name."""
    begin = segment.start + 4
    return segment.marker == marker and data[begin : min(begin + len(name), segment.end)] == name


def first_of(data: bytes | mmap, segments: Iterable[Segment], marker: int, name: bytes) -> Segment | None:
    """Return the first segment with this marker whose payload begins with this name."""
    return next((segment for segment in segments if begins(data, segment, marker, name)), None)


def app_segment(marker: int, payload: bytes) -> bytes:
    """Return an application segment with this payload (B.2.4.6)."""
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def segments_of(data: bytes | mmap, *, until_scan: bool = False) -> Iterator[Segment]:
    """Yield the segments from SOI to EOI, or with `until_scan` those before the first scan.

    Raises Truncated when the file ends before that, Corrupt when it is damaged.
    """
    if data[:2] != b"\xff\xd8":
        refuse("it does not begin with a start marker")
    yield Segment(_START, 0, 2)
    at = 2
    for _ in range(MAX_SEGMENTS):
        marker, start, at = _next_marker(data, at)
        if until_scan and marker in {SCAN, _END}:
            return
        segment = Segment(marker, start, _end_of_segment(data, marker, at))
        yield segment
        if marker == _END:
            return
        at = segment.end
    refuse(f"it has more than {MAX_SEGMENTS} segments")


def frame_size(data: bytes | mmap, frame: Segment) -> tuple[int, int]:
    """Return width and height in pixels from a frame header (B.2.2). Raises Corrupt."""
    header = data[frame.start + 4 : frame.end]
    if len(header) < 6:  # noqa: PLR2004 — precision, height, width, number of components
        refuse("its frame header is too short")
    height, width = struct.unpack_from(">xHH", header)
    if not width or not height:
        refuse(f"its header gives a size of {width} x {height} pixels")
    return width, height


def refuse(reason: str) -> NoReturn:
    """Raise Corrupt for a JPEG."""
    raise Corrupt(kind="JPEG", reason=reason)


def _next_marker(data: bytes | mmap, at: int) -> tuple[int, int, int]:
    """Return the code of the next marker, and where the marker starts and ends."""
    found = _MARKER.search(data, at)
    if found is None:
        raise Truncated(reason=f"its end marker is missing after {len(data)} bytes")
    start, end = found.span()
    if data[start + 1] == _START:
        refuse("it has a second start marker")
    return data[start + 1], start, end


def _end_of_segment(data: bytes | mmap, marker: int, at: int) -> int:
    """Return where the segment ends whose marker ends at `at`."""
    if marker == _END or marker in _BARE:
        return at
    if at + 2 > len(data):
        raise Truncated(reason=f"it ends within a segment, after {len(data)} bytes")
    length = int.from_bytes(data[at : at + 2], "big")
    if length < 2:  # noqa: PLR2004 — the length includes its own two bytes
        refuse(f"a segment claims a length of {length}")
    end = at + length
    if end > len(data):
        raise Truncated(reason=f"it ends within a segment, after {len(data)} bytes")
    if marker == SCAN:
        following = _MARKER_AFTER_SCAN.search(data, end)
        end = following.start() if following else len(data)
    return end
