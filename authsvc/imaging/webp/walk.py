"""Walk through a WebP file's chunks without decoding a pixel of it (RFC 9649)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap
from typing import Final, NoReturn

from authsvc.errors import Corrupt, Truncated
from authsvc.imaging.limits import Limits, check_profile

MAX_CHUNKS: Final = 50_000
"""Frames, and the few chunks around them; more is an attack on our time."""

MAX_FRAME_CHUNKS: Final = 100
"""What one frame is made of: a picture, its transparency, what a later version may add."""

_HEADER_BYTES: Final = 12
_CHUNK_HEADER_BYTES: Final = 8
FRAME_HEADER_BYTES: Final = 16  # of an ANMF chunk: section 2.7.1.1
_IMAGES: Final = frozenset({b"VP8 ", b"VP8L"})
ANIMATION: Final = 0x02
"""Flag of a VP8X chunk: section 2.7.1."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk: its four-character name, and where its content lies in the file, in bytes.

    Its name and length lie in the 8 bytes before it; a byte behind it makes its length even.
    """

    name: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Webp:
    """What a whole WebP file is made of: its outer chunks, its size in pixels."""

    chunks: tuple[Chunk, ...]
    width: int
    height: int
    frames: int


def walk_webp(data: bytes | mmap, limits: Limits) -> Webp:
    """Return the structure of the WebP file `data`.

    Time grows with the number of chunks. Raises Truncated when it ends before
    the length that it declares, Corrupt when it makes no sense, TooManyPixels
    and TooManyFrames beyond the limits, Bomb for a huge colour profile.
    """
    chunks = tuple(_outer_chunks(data))
    if not chunks:
        _refuse("it has no chunk")
    if chunks[0].name in _IMAGES:
        width, height = _image_size(data, chunks[0])
        limits.check(width, height)
        return Webp(chunks, width, height, 1)
    if chunks[0].name != b"VP8X" or chunks[0].end - chunks[0].start < 10:  # noqa: PLR2004 — section 2.7
        _refuse("its first chunk is no VP8, VP8L or VP8X")
    at = chunks[0].start
    width, height = _number(data, at + 4) + 1, _number(data, at + 7) + 1
    limits.check(width, height)
    check_profile(max((chunk.end - chunk.start for chunk in chunks if chunk.name == b"ICCP"), default=0))
    if data[at] & ANIMATION:
        frames = [chunk for chunk in chunks if chunk.name == b"ANMF"]
        if not frames or b"ANIM" not in {chunk.name for chunk in chunks}:
            _refuse("its animation has no frames")
        # Before a look into each of them, so that it stays cheap.
        limits.check_frames(len(frames), len(frames) * width * height)
        _check_animation(data, frames, (width, height))
        return Webp(chunks, width, height, len(frames))
    _check_image(data, chunks, (width, height))
    return Webp(chunks, width, height, 1)


def frame_chunks(data: bytes | mmap, frame: Chunk) -> tuple[Chunk, ...]:
    """Return what a frame of an animation, an ANMF chunk, is made of. Raises Corrupt."""
    return tuple(_chunks(data, frame.start + FRAME_HEADER_BYTES, frame.end, most=MAX_FRAME_CHUNKS))


def _outer_chunks(data: bytes | mmap) -> Iterator[Chunk]:
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        _refuse("it does not begin with a RIFF header")
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise Truncated(reason=f"it declares {end} bytes; it has {len(data)}")
    return _chunks(data, _HEADER_BYTES, end, most=MAX_CHUNKS)


def _chunks(data: bytes | mmap, at: int, end: int, *, most: int) -> Iterator[Chunk]:
    """Yield the chunks between two places (section 2.3)."""
    for _ in range(most):
        # A byte that is left over pads a length which the writer did not make even.
        if end - at < 2:  # noqa: PLR2004
            return
        if end - at < _CHUNK_HEADER_BYTES:
            _refuse("it has bytes behind its last chunk")
        name, length = struct.unpack_from("<4sI", data, at)
        chunk = Chunk(name, at + _CHUNK_HEADER_BYTES, at + _CHUNK_HEADER_BYTES + length)
        if chunk.end > end:
            _refuse(f"its chunk {name!r} is longer than what holds it")
        yield chunk
        at = chunk.end + length % 2
    _refuse(f"it has more than {most} chunks in a row")


def _check_image(data: bytes | mmap, chunks: tuple[Chunk, ...], size: tuple[int, int]) -> None:
    """Find the one picture of a file or a frame, which must be as large as that says."""
    images = [chunk for chunk in chunks if chunk.name in _IMAGES]
    if len(images) != 1:
        _refuse(f"it has {len(images)} pictures where it must have one")
    if _image_size(data, images[0]) != size:
        _refuse("a picture in it has another size than its canvas or frame")


def _check_animation(data: bytes | mmap, frames: list[Chunk], canvas: tuple[int, int]) -> None:
    """Look into each frame, which must lie within the canvas."""
    for frame in frames:
        at = frame.start
        if frame.end - at < FRAME_HEADER_BYTES:
            _refuse("a frame of it is too short")
        left, top = 2 * _number(data, at), 2 * _number(data, at + 3)
        width, height = _number(data, at + 6) + 1, _number(data, at + 9) + 1
        if left + width > canvas[0] or top + height > canvas[1]:
            _refuse("a frame reaches beyond its canvas")
        _check_image(data, frame_chunks(data, frame), (width, height))


def _image_size(data: bytes | mmap, chunk: Chunk) -> tuple[int, int]:
    head = data[chunk.start : min(chunk.start + 10, chunk.end)]
    if chunk.name == b"VP8L":
        return _lossless_size(head)
    # RFC 6386 section 9.1: a key frame, the length of its first partition, its start code.
    if len(head) < 10 or head[0] & 1 or head[3:6] != b"\x9d\x01\x2a":  # noqa: PLR2004
        _refuse("its VP8 picture does not begin with a key frame")
    first_partition = int.from_bytes(head[:3], "little") >> 5
    if chunk.start + 10 + first_partition > chunk.end:
        _refuse("its VP8 picture is shorter than it declares")
    width, height = (number & 0x3FFF for number in struct.unpack_from("<HH", head, 6))
    if not width or not height:
        _refuse(f"it says {width} x {height} pixels")
    return width, height


def _lossless_size(head: bytes) -> tuple[int, int]:
    """Return the 14 bits each, less one, behind the signature; the version behind them is 0 (section 3.4)."""
    bits = int.from_bytes(head[1:5], "little")
    if len(head) < 5 or head[0] != 0x2F or bits >> 29:  # noqa: PLR2004
        _refuse("its VP8L picture does not begin with its signature")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


def _number(data: bytes | mmap, at: int) -> int:
    """Return the 24 bits at `at`."""
    return int.from_bytes(data[at : at + 3], "little")


def _refuse(reason: str) -> NoReturn:
    raise Corrupt(kind="WebP", reason=reason)
