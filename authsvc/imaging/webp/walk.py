"""Walk through a WebP file's chunks without decoding a pixel of it (RFC 9649)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap
from typing import Final, NoReturn

from authsvc.errors import Corrupt, Truncated
from authsvc.imaging.limits import Limits, check_profile

MAX_CHUNKS: Final = 50_000
"""Frames, and the few chunks around them. More is an attack on our time."""

MAX_FRAME_CHUNKS: Final = 100
"""Limit for one frame: a picture, its transparency, and what a later version of the format may add."""

_HEADER_BYTES: Final = 12
_CHUNK_HEADER_BYTES: Final = 8
FRAME_HEADER_BYTES: Final = 16  # of an ANMF chunk: section 2.7.1.1
_IMAGES: Final = frozenset({b"VP8 ", b"VP8L"})
_CANVAS_BYTES: Final = 10  # of a VP8X chunk: section 2.7.1
ANIMATION: Final = 0x02
"""Flag of a VP8X chunk: section 2.7.1."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk: its four-character name, and where its content starts and ends in the file.

    Its name and length are the 8 bytes before the content; a byte after it makes an odd length even.
    """

    name: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Webp:
    """The structure of a WebP file: its outer chunks, its size in pixels, its frames."""

    chunks: tuple[Chunk, ...]
    width: int
    height: int
    frames: int


def is_webp(head: bytes) -> bool:
    """Return whether a file that begins with `head` is a WebP (section 2.4)."""
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def walk_webp(data: bytes | mmap, limits: Limits) -> Webp:
    """Return the structure of the WebP file `data`.

    Time grows with the number of chunks. Raises Truncated when the file ends before
    the length that it declares, Corrupt when it is damaged, TooManyPixels and
    TooManyFrames beyond the limits, Bomb for a huge colour profile.
    """
    end = declared_end(data)
    if end > len(data):
        raise Truncated(reason=f"it declares {end} bytes; it has {len(data)}")
    chunks = tuple(outer_chunks(data, end))
    if not chunks:
        refuse("it has no chunk")
    width, height = canvas_size(data, chunks[0])
    limits.check(width, height)
    if chunks[0].name in _IMAGES:
        return Webp(chunks, width, height, 1)
    check_profile(max((chunk.end - chunk.start for chunk in chunks if chunk.name == b"ICCP"), default=0))
    if not data[chunks[0].start] & ANIMATION:
        _check_image(data, chunks, (width, height))
        return Webp(chunks, width, height, 1)
    frames = [chunk for chunk in chunks if chunk.name == b"ANMF"]
    if not frames or b"ANIM" not in {chunk.name for chunk in chunks}:
        refuse("its animation has no frames")
    # Before each frame is checked, so that this stays cheap.
    limits.check_frames(len(frames), len(frames) * width * height)
    _check_animation(data, frames, (width, height))
    return Webp(chunks, width, height, len(frames))


def declared_end(data: bytes | mmap) -> int:
    """Return where the file ends according to its RIFF header. Raises Corrupt without one."""
    if not is_webp(data[:_HEADER_BYTES]):
        refuse("it does not begin with a RIFF header")
    return 8 + int.from_bytes(data[4:8], "little")


def outer_chunks(data: bytes | mmap, end: int) -> Iterator[Chunk]:
    """Yield the outer chunks up to `end`. Raises Corrupt."""
    return _chunks(data, _HEADER_BYTES, end, most=MAX_CHUNKS)


def canvas_size(data: bytes | mmap, first: Chunk) -> tuple[int, int]:
    """Return width and height in pixels from the first chunk, a picture or VP8X. Raises Corrupt."""
    if first.name in _IMAGES:
        return _image_size(data, first)
    if first.name != b"VP8X" or min(first.end, len(data)) - first.start < _CANVAS_BYTES:
        refuse("its first chunk is not VP8, VP8L or VP8X")
    return _number(data, first.start + 4) + 1, _number(data, first.start + 7) + 1


def frame_chunks(data: bytes | mmap, frame: Chunk) -> tuple[Chunk, ...]:
    """Return the chunks in a frame of an animation, an ANMF chunk. Raises Corrupt."""
    return tuple(_chunks(data, frame.start + FRAME_HEADER_BYTES, frame.end, most=MAX_FRAME_CHUNKS))


def _chunks(data: bytes | mmap, at: int, end: int, *, most: int) -> Iterator[Chunk]:
    """Yield the chunks between two places (section 2.3)."""
    for _ in range(most):
        # One byte left over is the padding of a last chunk whose writer did not count it.
        if end - at < 2:  # noqa: PLR2004
            return
        if end - at < _CHUNK_HEADER_BYTES:
            refuse("it has bytes after its last chunk")
        name, length = struct.unpack_from("<4sI", data, at)
        chunk = Chunk(name, at + _CHUNK_HEADER_BYTES, at + _CHUNK_HEADER_BYTES + length)
        if chunk.end > end:
            refuse(f"its chunk {name!r} is longer than what holds it")
        yield chunk
        at = chunk.end + length % 2
    refuse(f"it has more than {most} chunks in a row")


def _check_image(data: bytes | mmap, chunks: tuple[Chunk, ...], size: tuple[int, int]) -> None:
    """Check that a file or a frame has one picture, of this size."""
    images = [chunk for chunk in chunks if chunk.name in _IMAGES]
    if len(images) != 1:
        refuse(f"it has {len(images)} pictures where it must have one")
    if _image_size(data, images[0]) != size:
        refuse("a picture in it has another size than its canvas or frame")


def _check_animation(data: bytes | mmap, frames: list[Chunk], canvas: tuple[int, int]) -> None:
    """Check each frame, which must be within the canvas."""
    for frame in frames:
        at = frame.start
        if frame.end - at < FRAME_HEADER_BYTES:
            refuse("a frame of it is too short")
        left, top = 2 * _number(data, at), 2 * _number(data, at + 3)
        width, height = _number(data, at + 6) + 1, _number(data, at + 9) + 1
        if left + width > canvas[0] or top + height > canvas[1]:
            refuse("a frame reaches beyond its canvas")
        _check_image(data, frame_chunks(data, frame), (width, height))


def _image_size(data: bytes | mmap, chunk: Chunk) -> tuple[int, int]:
    head = data[chunk.start : min(chunk.start + 10, chunk.end)]
    if chunk.name == b"VP8L":
        return _lossless_size(head)
    # RFC 6386 section 9.1: a key frame, the length of its first partition, its start code.
    if len(head) < 10 or head[0] & 1 or head[3:6] != b"\x9d\x01\x2a":  # noqa: PLR2004
        refuse("its VP8 picture does not begin with a key frame")
    first_partition = int.from_bytes(head[:3], "little") >> 5
    if chunk.start + 10 + first_partition > chunk.end:
        refuse("its VP8 picture is shorter than it declares")
    width, height = (number & 0x3FFF for number in struct.unpack_from("<HH", head, 6))
    if not width or not height:
        refuse(f"its header gives a size of {width} x {height} pixels")
    return width, height


def _lossless_size(head: bytes) -> tuple[int, int]:
    """Return width and height: 14 bits each, minus one, after the signature. The version after them is 0 (3.4)."""
    bits = int.from_bytes(head[1:5], "little")
    if len(head) < 5 or head[0] != 0x2F or bits >> 29:  # noqa: PLR2004
        refuse("its VP8L picture does not begin with its signature")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


def _number(data: bytes | mmap, at: int) -> int:
    """Return the 24 bits at `at`."""
    return int.from_bytes(data[at : at + 3], "little")


def refuse(reason: str) -> NoReturn:
    """Raise Corrupt for a WebP."""
    raise Corrupt(kind="WebP", reason=reason)
