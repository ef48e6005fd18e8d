"""Read only the header of a JPEG file, for pictures that are stored already."""

from mmap import mmap

from authsvc.errors import Corrupt, Truncated
from authsvc.imaging.jpeg.segments import FRAMES, Segment, frame_size, refuse, segments_of
from authsvc.imaging.jpeg.walk import Jpeg


def read_jpeg_header(data: bytes | mmap) -> Jpeg:
    """Return the structure before the first scan. Raises Corrupt or Truncated without a frame header.

    Damage after the frame header is ignored.
    """
    segments: list[Segment] = []
    frame: Segment | None = None
    try:
        for segment in segments_of(data, until_scan=True):
            segments.append(segment)
            if frame is None and segment.marker in FRAMES:
                frame = segment
    except (Corrupt, Truncated):
        if frame is None:
            raise
    if frame is None:
        refuse("it has no frame header before its first scan")
    width, height = frame_size(data, frame)
    return Jpeg(tuple(segments), width, height, scans=0)
