"""Remove metadata from one segment of a JPEG (ITU-T T.81; JFIF 1.02)."""

from collections.abc import Callable
from mmap import mmap
from typing import Final

from authsvc.imaging.jpeg.segments import Segment, app_segment, begins, is_application
from authsvc.imaging.pieces import Piece, reused

_JFIF: Final = b"JFIF\0"
_ADOBE: Final = b"Adobe"  # the colour space of the components: Adobe Technical Note 5116
_JFIF_BYTES: Final = 14
_ADOBE_BYTES: Final = 12

_DNL, _APP0, _APP14 = 0xDC, 0xE0, 0xEE


def stripped_segment(data: bytes | mmap, segment: Segment) -> Piece:
    """Return what to keep of a segment that does not depend on others: a range of `data`, new bytes or b""."""
    if segment.marker == _DNL:
        # It gives the height of a picture whose frame header does not. libjpeg ignores it, and the walk
        # refuses such a picture.
        return b""
    if not is_application(segment):
        return range(segment.start, segment.end)
    if begins(data, segment, _APP0, _JFIF):
        # libjpeg ignores a JFIF segment shorter than 14 bytes; padding it would make libjpeg use it.
        is_whole = segment.end - segment.start - 4 >= _JFIF_BYTES
        return _shortened(data, segment, _without_thumbnail) if is_whole else b""
    if begins(data, segment, _APP14, _ADOBE):
        return _shortened(data, segment, lambda payload: payload[:_ADOBE_BYTES])
    return b""


def _shortened(data: bytes | mmap, segment: Segment, shorten: Callable[[bytes], bytes]) -> Piece:
    """Return the segment without bytes that its standard does not define."""
    payload = bytes(data[segment.start + 4 : segment.end])
    return reused(data, segment.start, app_segment(segment.marker, shorten(payload)))


def _without_thumbnail(jfif: bytes) -> bytes:
    """Return a JFIF payload (JFIF 1.02, page 5) whose thumbnail has no pixels."""
    return jfif[: _JFIF_BYTES - 2].ljust(_JFIF_BYTES, b"\0")
