"""The frames of an animated AVIF: samples of a track (ISO/IEC 14496-12, sections 8.3 to 8.7)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from mmap import mmap
from typing import Final

from authsvc.errors import Corrupt, Truncated
from authsvc.imaging.avif.av1 import Sequences
from authsvc.imaging.avif.boxes import Box, Reader, boxes, first_of_each
from authsvc.imaging.limits import Limits

MAX_TRACKS: Final = 8
"""A picture, its transparency, and some that are not shown."""
_MAX_BOXES: Final = 100
"""Limit for a `moov` box and each box in it; encoders write fewer than ten."""
_PATH: Final = (b"mdia", b"minf", b"stbl")
_ALONE: Final = frozenset({b"tkhd", *_PATH, b"stsd", b"stsz", b"stsc", b"stco", b"co64"})
_FULL_BYTES: Final = 4
_ENTRY_SIZE_AT: Final = 24
"""The number of bytes of a sample entry before its width and height (section 12.1.3)."""


@dataclass(frozen=True, slots=True)
class Track:
    """A track of pictures: its frames, width and height in pixels, and where each frame is."""

    frames: int
    width: int
    height: int
    samples: tuple[range, ...]


def is_sequence(head: bytes) -> bool:
    """Return whether a file that begins with `head` has the major brand of an animation (AVIF, section 6)."""
    return head[8:12] == b"avis"


def read_tracks(data: bytes | mmap, moov: Box, end: int, limits: Limits, sequences: Sequences) -> list[Track]:
    """Return the tracks of AV1. libavif shows one with any handler (tried with 1.4), and no other track.

    `end` is where the last box of the file ends. Raises Truncated when a frame's data
    is missing, Corrupt when something is damaged, TooManyPixels and TooManyFrames beyond
    the limits, also when only the AV1 stream of a track is too large.
    """
    found = [box for box in film_boxes(data, moov) if box.kind == b"trak"]
    if len(found) > MAX_TRACKS:
        raise Corrupt(kind="AVIF", reason=f"it has {len(found)} tracks; the limit is {MAX_TRACKS}")
    tracks = []
    for box in found:
        inner = _parts(data, box)
        entries = _av1_entries(data, inner[b"stsd"]) if b"stsd" in inner else []
        if entries:
            track = _read_track(data, inner, end, limits)
            _check_sizes(data, entries, track, limits, sequences)
            tracks.append(track)
    return tracks


def film_boxes(data: bytes | mmap, outer: Box) -> Iterator[Box]:
    """Yield the boxes in a `moov` box, or in a box of a track. Raises Corrupt for more than 100."""
    return boxes(data, outer.content, outer.end, most=_MAX_BOXES)


def _parts(data: bytes | mmap, trak: Box) -> dict[bytes, Box]:
    """Return the boxes of a track, of its media, and of the table of its frames."""
    parts = first_of_each(film_boxes(data, trak), _ALONE)
    for kind in _PATH:
        box = parts.get(kind)
        if box is None:
            break
        parts = {**parts, **first_of_each(film_boxes(data, box), _ALONE)}
    return parts


def _av1_entries(data: bytes | mmap, stsd: Box) -> list[Box]:
    return [
        box for box in boxes(data, stsd.content + _FULL_BYTES + 4, stsd.end, most=_MAX_BOXES) if box.kind == b"av01"
    ]


def _check_sizes(
    data: bytes | mmap, entries: Sequence[Box], track: Track, limits: Limits, sequences: Sequences
) -> None:
    """Check the sizes in the descriptions of frames, and in the frames: each may begin with another sequence header."""
    for entry in entries:
        reader = Reader(data, entry)
        reader.take(_ENTRY_SIZE_AT)
        limits.check(reader.number(2), reader.number(2), is_buffered=True)
    sizes = {size for sample in track.samples for size in sequences.frame_sizes([sample])}
    # Decoders ignore a track without frames, such as that of a fragmented file.
    if track.samples and not sizes:
        raise Corrupt(kind="AVIF", reason="a track of it has no sequence header")
    for width, height in sizes:
        limits.check(width, height, is_buffered=True)
        limits.check_frames(track.frames, track.frames * width * height)


def _read_track(data: bytes | mmap, inner: dict[bytes, Box], end: int, limits: Limits) -> Track:
    for needed in (b"tkhd", b"stsz", b"stsc"):
        if needed not in inner:
            raise Corrupt(kind="AVIF", reason=f"a track of it has no {needed.decode()} box")
    width, height = _size(data, inner[b"tkhd"])
    limits.check(width, height, is_buffered=True)
    sizes = Reader(data, inner[b"stsz"])
    sizes.take(_FULL_BYTES)
    common, frames = sizes.number(4), sizes.number(4)
    # Before the list is read, which may be that long.
    limits.check_frames(frames, frames * width * height)
    lengths = [common or sizes.number(4) for _ in range(frames)]
    offsets = list(_offsets(data, inner.get(b"stco"), inner.get(b"co64"), frames))
    samples = tuple(_samples(data, inner[b"stsc"], offsets, lengths))
    _check_places(samples, frames, len(data), end)
    return Track(frames, width, height, samples)


def _check_places(samples: tuple[range, ...], frames: int, length: int, end: int) -> None:
    last = max((sample.stop for sample in samples), default=0)
    if last > length:
        raise Truncated(reason=f"its frames end at byte {last}; there are {length}")
    if last > end:
        raise Corrupt(kind="AVIF", reason="a frame of it is after its last box")
    if len(samples) < frames:
        raise Corrupt(kind="AVIF", reason=f"it declares {frames} frames and has the data of {len(samples)}")


def _size(data: bytes | mmap, tkhd: Box) -> tuple[int, int]:
    """Return the track's width and height: fixed-point numbers with 16 bits for the fraction (section 8.3.2)."""
    reader = Reader(data, tkhd)
    version, _ = reader.full()
    reader.take((32 if version else 20) + 16 + 36)
    width, height = reader.number(4) >> 16, reader.number(4) >> 16
    if not width or not height:
        raise Corrupt(kind="AVIF", reason=f"a track of it has a size of {width} x {height} pixels")
    return width, height


def _offsets(data: bytes | mmap, stco: Box | None, co64: Box | None, frames: int) -> Iterator[int]:
    """Yield where the chunks start: at most one for each frame (section 8.7.5)."""
    box, size = (stco, 4) if stco is not None else (co64, 8)
    if box is None:
        raise Corrupt(kind="AVIF", reason="a track of it has no place of its data")
    reader = Reader(data, box)
    reader.take(_FULL_BYTES)
    for _ in range(min(reader.number(4), frames)):
        yield reader.number(size)


def _samples(data: bytes | mmap, stsc: Box, offsets: list[int], lengths: list[int]) -> Iterator[range]:
    """Yield where each frame is: one after another in a chunk (section 8.7.4)."""
    reader = Reader(data, stsc)
    reader.take(_FULL_BYTES)
    runs = [(reader.number(4), reader.number(4), reader.take(4)) for _ in range(min(reader.number(4), len(offsets)))]
    taken = run = 0
    for number, offset in enumerate(offsets, 1):
        while run + 1 < len(runs) and runs[run + 1][0] <= number:
            run += 1
        at = offset
        for length in lengths[taken : taken + (runs[run][1] if runs else 0)]:
            yield range(at, at + length)
            at += length
            taken += 1
