"""HDR gain maps: a second picture after the first JPEG, with which HDR screens brighten the first.

The Multi-Picture Format (CIPA DC-007) gives its place. Its own XMP (Ultra HDR 1.1)
or its segment of ISO 21496-1 marks it as a gain map and has the parameters. All of
these are rewritten so that they contain nothing else.
"""

from dataclasses import dataclass
from mmap import mmap
from typing import Final

from authsvc.errors import AnswerError
from authsvc.imaging.jpeg.gainmap_xmp import NAMESPACE, gain_map_xmp, primary_xmp
from authsvc.imaging.jpeg.multi_picture import find_index, further_pictures, index_of_two
from authsvc.imaging.jpeg.profile import profile_of
from authsvc.imaging.jpeg.segments import APP1, APP2, Segment, app_segment, begins, first_of
from authsvc.imaging.jpeg.strip_segment import stripped_segment
from authsvc.imaging.jpeg.walk import Jpeg, walk_jpeg
from authsvc.imaging.limits import Limits
from authsvc.imaging.pieces import Piece, joined, length, reused

_XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"
_ISO: Final = b"urn:iso:std:iso:ts:21496:-1\0"
_ISO_BYTES: Final = 4 + 1 + 16 + 3 * 40
"""The maximum of ISO 21496-1: versions, flags, two headrooms, five fractions for each of three channels."""
_UNLIMITED: Final = Limits(
    max_side=65_535,
    max_pixels=2**32,
    max_buffered_pixels=2**32,
    max_scans=1000,
    max_frames=1,
    max_animation_pixels=1,
)


@dataclass(frozen=True, slots=True)
class GainMap:
    """A gain map without metadata, and the segments of the first picture that refer to it.

    `pieces` are the second picture. `mpf` and `xmp` have to be replaced by
    `mpf_segment` and `primary_xmp`; `iso` are kept.
    """

    pieces: tuple[Piece, ...]
    mpf: Segment
    xmp: Segment | None
    iso: tuple[Segment, ...]

    def primary_xmp(self) -> bytes:
        """Return the first picture's XMP segment with nothing but the place of the gain map."""
        return app_segment(APP1, _XMP + primary_xmp(length(self.pieces)))

    def mpf_segment(self, *, first: int, before: int) -> bytes:
        """Return the Multi-Picture segment: see `index_of_two`."""
        return index_of_two(first=first, second=length(self.pieces), before=before)


def declared_end(data: bytes | mmap, jpeg: Jpeg) -> int:
    """Return the end of the last picture that the first one declares. Only zeros may be between the pictures."""
    end = jpeg.segments[-1].end
    mpf = find_index(data, jpeg)
    for start, stop in further_pictures(data, jpeg, mpf) if mpf else ():
        inner = _walked(data[start:stop])
        if inner is None or data[end:start].strip(b"\0"):
            break
        end = start + inner.segments[-1].end
    return end


def find_gain_map(data: bytes | mmap, jpeg: Jpeg) -> GainMap | None:
    """Return the picture's gain map, None without one."""
    mpf = find_index(data, jpeg)
    if mpf is None:
        return None
    xmp = first_of(data, jpeg.segments, APP1, _XMP)
    if xmp is not None and NAMESPACE not in _payload(data, xmp):
        xmp = None
    iso = tuple(segment for segment in jpeg.segments if begins(data, segment, APP2, _ISO))
    for start, stop in further_pictures(data, jpeg, mpf):
        if pieces := _map_pieces(data, start, stop):
            return GainMap(tuple(pieces), mpf, xmp, iso)
    return None


def _map_pieces(data: bytes | mmap, start: int, stop: int) -> list[Piece]:
    """Return a gain map without metadata; nothing when the picture is not a gain map."""
    content = data[start:stop]
    inner = _walked(content)
    if inner is None:
        return []
    xmp = first_of(content, inner.segments, APP1, _XMP)
    rewritten_xmp = gain_map_xmp(_payload(content, xmp)) if xmp else b""
    if not rewritten_xmp and first_of(content, inner.segments, APP2, _ISO) is None:
        return []
    pieces: list[Piece] = []
    profile = profile_of(content, inner)
    for segment in inner.segments:
        if segment is xmp and rewritten_xmp:
            kept = reused(content, segment.start, app_segment(APP1, _XMP + rewritten_xmp))
        elif begins(content, segment, APP2, _ISO):
            kept = iso_alone(content, segment)
        else:
            kept = profile[segment] if segment in profile else stripped_segment(content, segment)
        pieces.append(range(start + kept.start, start + kept.stop) if isinstance(kept, range) else kept)
    return joined(pieces)


def iso_alone(data: bytes | mmap, segment: Segment) -> Piece:
    """Return a segment of ISO 21496-1 without anything after its maximum length."""
    return reused(data, segment.start, app_segment(APP2, _payload(data, segment)[: len(_ISO) + _ISO_BYTES]))


def _walked(content: bytes) -> Jpeg | None:
    """Return the structure of a further picture, None when it is not a JPEG."""
    try:
        return walk_jpeg(content, _UNLIMITED)
    except AnswerError:
        return None


def _payload(data: bytes | mmap, segment: Segment) -> bytes:
    return bytes(data[segment.start + 4 : segment.end])
