"""What stays of one segment of a JPEG when its metadata goes (ITU-T T.81; JFIF 1.02)."""

from collections.abc import Callable
from mmap import mmap
from typing import Final

from authsvc.imaging.jpeg.walk import Segment, app_segment, begins, is_application
from authsvc.imaging.pieces import Piece, reused

_JFIF: Final = b"JFIF\0"
_ADOBE: Final = b"Adobe"  # which says what the components are: Adobe TN 5116
_JFIF_BYTES: Final = 14
_ADOBE_BYTES: Final = 12

_DNL, _APP0, _APP14 = 0xDC, 0xE0, 0xEE


def stripped_segment(data: bytes | mmap, segment: Segment) -> Piece:
    """Return what stays of a segment that is kept or not for itself: a range of `data`, or new bytes."""
    if segment.marker == _DNL:
        # It would say how high the picture is, had the frame not said so: libjpeg passes over it.
        return b""
    if not is_application(segment):
        return range(segment.start, segment.end)
    if begins(data, segment, _APP0, _JFIF):
        # libjpeg passes over a shorter one, and would heed it if it were filled up.
        is_whole = segment.end - segment.start - 4 >= _JFIF_BYTES
        return _shortened(data, segment, _without_thumbnail) if is_whole else b""
    if begins(data, segment, _APP14, _ADOBE):
        return _shortened(data, segment, lambda payload: payload[:_ADOBE_BYTES])
    return b""


def _shortened(data: bytes | mmap, segment: Segment, shorten: Callable[[bytes], bytes]) -> Piece:
    """Return the segment without what it has beyond its standard."""
    payload = bytes(data[segment.start + 4 : segment.end])
    return reused(data, segment.start, app_segment(segment.marker, shorten(payload)))


def _without_thumbnail(jfif: bytes) -> bytes:
    """Return a JFIF payload (JFIF 1.02, page 5) whose thumbnail has no pixels."""
    return jfif[: _JFIF_BYTES - 2].ljust(_JFIF_BYTES, b"\0")
