"""The colour profile of a JPEG, which may be split over several segments (ICC.1:2022, annex B.4)."""

from mmap import mmap
from typing import Final

from authsvc.imaging.icc import without_device
from authsvc.imaging.jpeg.segments import APP2, Segment, begins
from authsvc.imaging.jpeg.walk import ICC, Jpeg
from authsvc.imaging.pieces import Piece, reused

_HEAD_BYTES: Final = 4 + len(ICC) + 2
"""The beginning of a segment: marker and length, `ICC`, the number of this part and the number of all parts."""


def profile_of(data: bytes | mmap, jpeg: Jpeg) -> dict[Segment, Piece]:
    """Return the rewritten segments of the colour profile, without the tags that identify a device.

    All are empty when a part is missing or occurs twice.
    """
    segments = [segment for segment in jpeg.segments if begins(data, segment, APP2, ICC)]
    parts = {data[segment.start : segment.start + _HEAD_BYTES][-2:]: segment for segment in segments}
    in_order = [parts.get(bytes((number, len(segments)))) for number in range(1, min(len(segments), 255) + 1)]
    whole = [segment for segment in in_order if segment is not None]
    if len(whole) < len(segments):
        return dict.fromkeys(segments, b"")
    profile = without_device(b"".join(data[segment.start + _HEAD_BYTES : segment.end] for segment in whole))
    rewritten: dict[Segment, Piece] = {}
    at = 0
    for segment in whole:
        size = segment.end - segment.start - _HEAD_BYTES
        head = data[segment.start : segment.start + _HEAD_BYTES]
        rewritten[segment] = reused(data, segment.start, head + profile[at : at + size])
        at += size
    return rewritten
