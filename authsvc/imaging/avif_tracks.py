"""The frames of an animated AVIF: samples of a track (ISO/IEC 14496-12, sections 8.3 to 8.7)."""

from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap
from typing import Final

from authsvc.errors import Corrupt, Truncated
from authsvc.imaging.isobmff import Box, Reader, boxes
from authsvc.imaging.limits import Limits

MAX_TRACKS: Final = 8
"""A picture, its transparency, and what nobody shows."""
_PATH: Final = (b"mdia", b"minf", b"stbl")
_PICTURES: Final = frozenset({b"pict", b"auxv"})
_FULL_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Track:
    """A track of pictures: as many frames, so wide and high in pixels, and where each chunk of its data lies."""

    frames: int
    width: int
    height: int
    chunks: tuple[range, ...]


def read_tracks(data: bytes | mmap, moov: Box, limits: Limits) -> list[Track]:
    """Return the tracks of pictures and of their transparency.

    Raises Truncated when a frame's data is missing, Corrupt, TooManyPixels and
    TooManyFrames beyond the limits.
    """
    found = [box for box in boxes(data, moov.content, moov.end) if box.kind == b"trak"]
    if len(found) > MAX_TRACKS:
        raise Corrupt(kind="AVIF", reason=f"it has {len(found)} tracks; the limit is {MAX_TRACKS}")
    return [_read_track(data, box, limits) for box in found if _handler(data, box) in _PICTURES]


def _inside(data: bytes | mmap, box: Box, kind: bytes) -> Box:
    """Return the box of this type in another. Raises Corrupt."""
    for inner in boxes(data, box.content, box.end):
        if inner.kind == kind:
            return inner
    raise Corrupt(kind="AVIF", reason=f"a track of it has no {kind.decode()} box")


def _handler(data: bytes | mmap, trak: Box) -> bytes:
    reader = Reader(data, _inside(data, _inside(data, trak, b"mdia"), b"hdlr"))
    reader.take(_FULL_BYTES + 4)
    return reader.take(4)


def _read_track(data: bytes | mmap, trak: Box, limits: Limits) -> Track:
    width, height = _size(data, _inside(data, trak, b"tkhd"))
    limits.check(width, height, is_buffered=True)
    table = trak
    for kind in _PATH:
        table = _inside(data, table, kind)
    inner = {box.kind: box for box in boxes(data, table.content, table.end)}
    for needed in (b"stsz", b"stsc"):
        if needed not in inner:
            raise Corrupt(kind="AVIF", reason=f"a track of it has no {needed.decode()} box")
    sizes = Reader(data, inner[b"stsz"])
    sizes.take(_FULL_BYTES)
    common, frames = sizes.number(4), sizes.number(4)
    # Before a list that may be as long as that says.
    limits.check_frames(frames, frames * width * height)
    lengths = [common or sizes.number(4) for _ in range(frames)]
    offsets = list(_offsets(data, inner.get(b"stco"), inner.get(b"co64"), frames))
    return Track(frames, width, height, tuple(_chunks(data, inner[b"stsc"], offsets, lengths)))


def _size(data: bytes | mmap, tkhd: Box) -> tuple[int, int]:
    """Return the track's width and height, which have 16 bits before and 16 behind the point (section 8.3.2)."""
    reader = Reader(data, tkhd)
    version, _ = reader.full()
    reader.take((32 if version else 20) + 16 + 36)
    width, height = reader.number(4) >> 16, reader.number(4) >> 16
    if not width or not height:
        raise Corrupt(kind="AVIF", reason=f"a track of it says {width} x {height} pixels")
    return width, height


def _offsets(data: bytes | mmap, stco: Box | None, co64: Box | None, frames: int) -> Iterator[int]:
    """Yield where the chunks begin: at most one for each frame (section 8.7.5)."""
    box, size = (stco, 4) if stco is not None else (co64, 8)
    if box is None:
        raise Corrupt(kind="AVIF", reason="a track of it does not say where its data lies")
    reader = Reader(data, box)
    reader.take(_FULL_BYTES)
    for _ in range(min(reader.number(4), frames)):
        yield reader.number(size)


def _chunks(data: bytes | mmap, stsc: Box, offsets: list[int], lengths: list[int]) -> Iterator[range]:
    """Yield where each chunk lies: the frames in it are as long as `lengths` says (section 8.7.4)."""
    reader = Reader(data, stsc)
    reader.take(_FULL_BYTES)
    runs = [(reader.number(4), reader.number(4), reader.take(4)) for _ in range(min(reader.number(4), len(offsets)))]
    left = iter(lengths)
    taken = run = 0
    for number, offset in enumerate(offsets, 1):
        while run + 1 < len(runs) and runs[run + 1][0] <= number:
            run += 1
        count = min(runs[run][1] if runs else 0, len(lengths) - taken)
        taken += count
        end = offset + sum(next(left) for _ in range(count))
        if end > len(data):
            raise Truncated(reason=f"its frames end at byte {end}; there are {len(data)}")
        yield range(offset, end)
    if taken < len(lengths):
        raise Corrupt(kind="AVIF", reason=f"it has the data of {taken} frames, and says that it has {len(lengths)}")
