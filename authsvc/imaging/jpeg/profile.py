"""The colour profile of a JPEG, which may take several segments (ICC.1:2022, annex B.4)."""

from mmap import mmap
from typing import Final

from authsvc.imaging.icc import without_device
from authsvc.imaging.jpeg.walk import ICC, Jpeg, Segment, begins
from authsvc.imaging.pieces import Piece, reused

_APP2: Final = 0xE2
_HEAD_BYTES: Final = 4 + len(ICC) + 2
"""Of a segment: its marker and length, ICC, which one of how many it is."""


def profile_of(data: bytes | mmap, jpeg: Jpeg) -> dict[Segment, Piece]:
    """Return what stays of the segments of a colour profile: nothing if they are not each part of one, once."""
    segments = [segment for segment in jpeg.segments if begins(data, segment, _APP2, ICC)]
    parts = {data[segment.start : segment.start + _HEAD_BYTES][-2:]: segment for segment in segments}
    in_order = [parts.get(bytes((number, len(segments)))) for number in range(1, min(len(segments), 255) + 1)]
    whole = [segment for segment in in_order if segment is not None]
    if len(whole) < len(segments):
        return dict.fromkeys(segments, b"")
    profile = without_device(b"".join(data[segment.start + _HEAD_BYTES : segment.end] for segment in whole))
    kept: dict[Segment, Piece] = {}
    at = 0
    for segment in whole:
        size = segment.end - segment.start - _HEAD_BYTES
        head = data[segment.start : segment.start + _HEAD_BYTES]
        kept[segment] = reused(data, segment.start, head + profile[at : at + size])
        at += size
    return kept
