"""Remove the metadata of a JPEG file without changing a sample (ITU-T T.81; JFIF 1.02)."""

from itertools import takewhile
from mmap import mmap
from typing import Final

from authsvc.imaging.exif import UPRIGHT, orientation, orientation_alone
from authsvc.imaging.jpeg.gainmap import GainMap, declared_end, find_gain_map, iso_alone
from authsvc.imaging.jpeg.profile import profile_of
from authsvc.imaging.jpeg.segments import APP1, SCAN, Segment, app_segment, begins
from authsvc.imaging.jpeg.strip_segment import stripped_segment
from authsvc.imaging.jpeg.walk import Jpeg
from authsvc.imaging.pieces import Piece, joined, length, reused

_EXIF: Final = b"Exif\0"
_EXIF_BYTES: Final = 6
"""`_EXIF` and a byte that must be zero (Exif 3.0, section 4.7.2); Chromium ignores its value."""


def jpeg_orientation(data: bytes | mmap, jpeg: Jpeg) -> int:
    """Return the orientation in which the picture is shown, 1 to 8."""
    segment = _exif(data, jpeg)
    return UPRIGHT if segment is None else orientation(data[segment.start + 4 + _EXIF_BYTES : segment.end])


def _exif(data: bytes | mmap, jpeg: Jpeg) -> Segment | None:
    """Return the Exif segment that browsers use: the first one, before any scan (tried with Chromium 156)."""
    before_scans = takewhile(lambda segment: segment.marker != SCAN, jpeg.segments)
    return next((segment for segment in before_scans if begins(data, segment, APP1, _EXIF)), None)


def strip_jpeg(data: bytes | mmap, jpeg: Jpeg) -> list[Piece]:
    """Return the file without metadata; colour profile, orientation and HDR gain map are kept."""
    gain_map = find_gain_map(data, jpeg)
    rewritten = _orientation_alone(data, jpeg) | profile_of(data, jpeg)
    if gain_map is not None:
        rewritten |= _gain_map_segments(data, gain_map)
    kept = {
        segment: rewritten[segment] if segment in rewritten else stripped_segment(data, segment)
        for segment in jpeg.segments
    }
    if gain_map is None:
        return joined(kept.values())
    # The offset of the gain map depends on the length of everything before it.
    first, before = length(kept.values()), length(kept[s] for s in takewhile(gain_map.mpf.__ne__, kept))
    kept[gain_map.mpf] = reused(data, gain_map.mpf.start, gain_map.mpf_segment(first=first, before=before))
    return joined([*kept.values(), *gain_map.pieces])


def without_trailer_jpeg(data: bytes | mmap, jpeg: Jpeg) -> list[Piece]:
    """Return the file without the bytes after its last declared picture (CIPA DC-007)."""
    return [range(declared_end(data, jpeg))]


def _orientation_alone(data: bytes | mmap, jpeg: Jpeg) -> dict[Segment, Piece]:
    """Return the first Exif segment with nothing but the orientation, if the picture is not upright."""
    segment, block = _exif(data, jpeg), orientation_alone(jpeg_orientation(data, jpeg))
    if segment is None or not block:
        return {}
    return {segment: reused(data, segment.start, app_segment(APP1, _EXIF + b"\0" + block))}


def _gain_map_segments(data: bytes | mmap, gain_map: GainMap) -> dict[Segment, Piece]:
    """Return the first picture's segments about its gain map. The place in the MPF segment is not known yet."""
    rewritten: dict[Segment, Piece] = {segment: iso_alone(data, segment) for segment in gain_map.iso}
    if gain_map.xmp is not None:
        rewritten[gain_map.xmp] = reused(data, gain_map.xmp.start, gain_map.primary_xmp())
    return rewritten | {gain_map.mpf: gain_map.mpf_segment(first=0, before=0)}
