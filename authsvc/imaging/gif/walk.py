"""Walk through a GIF file's blocks without decoding a pixel of it (GIF89a specification)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap
from typing import Final, NoReturn

from authsvc.errors import Corrupt, Truncated
from authsvc.imaging.limits import Limits

MAX_BLOCKS: Final = 100_000
"""Frames and extensions; a frame has a few of them. More is an attack on our time."""
MAX_SUB_BLOCKS: Final = 500_000
"""20 MB in pieces of 40 bytes; encoders fill pieces of 255. More is an attack on our time."""

IMAGE: Final = 0x2C
EXTENSION: Final = 0x21
TRAILER: Final = 0x3B
SIGNATURES: Final = (b"GIF87a", b"GIF89a")

_SCREEN: Final = "<HHBxx"  # section 18
_DESCRIPTOR: Final = "<HHHHB"  # section 20
_HAS_TABLE: Final = 0x80
_MAX_CODE_BITS: Final = 11
_MAX_EXPANSION: Final = 2731
"""The most pixels that one byte of LZW codes makes: a code of 12 bits stands for up to 4,096."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block after the screen: its first byte, and where it starts and ends in the file.

    `label` is an extension's label (section 23 and following), 0 for other blocks.
    """

    kind: int
    label: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Gif:
    """The structure of a GIF file: its blocks up to the trailer, its size in pixels, its frames.

    The size is that of the screen, enlarged by the first frame where it reaches beyond the screen, as decoders do
    (seen in Chromium 156, Pillow 12 and libvips 8.18).
    """

    blocks: tuple[Block, ...]
    width: int
    height: int
    frames: int


@dataclass(frozen=True, slots=True)
class Frame:
    """The part of the screen that a frame covers, in pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """Where it ends on the screen."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """Where it ends on the screen."""
        return self.top + self.height


def walk_gif(data: bytes | mmap, limits: Limits) -> Gif:
    """Return the structure of the GIF file `data`.

    Time is linear in its length: 3 ms for 12 megapixels in 16 MB. Raises Truncated when the
    file ends before its trailer or a frame has less data than its size needs, Corrupt when
    it is damaged, TooManyPixels and TooManyFrames beyond the limits. Each frame counts as
    large as the whole picture, because decoders compose it on the whole picture.
    """
    try:
        return _walk(data, limits)
    except (IndexError, struct.error) as error:
        raise Truncated(reason=f"it ends within a block, after {len(data)} bytes") from error


def _walk(data: bytes | mmap, limits: Limits) -> Gif:
    width, height, first_block = read_screen(data)
    limits.check(width, height)
    blocks: list[Block] = []
    frames = pixels = 0
    for block in blocks_of(data, first_block):
        blocks.append(block)
        if block.kind == IMAGE:
            frame = read_frame(data, block.start)
            _check_frame(frame, block.end - block.start, limits)
            if not frames:
                width, height = max(width, frame.right), max(height, frame.bottom)
                limits.check(width, height)
            frames += 1
            pixels += max(width * height, frame.width * frame.height)
    if not frames:
        refuse("it has no frame")
    if frames > 1:
        limits.check_frames(frames, pixels)
    return Gif(tuple(blocks), width, height, frames)


def read_screen(data: bytes | mmap) -> tuple[int, int, int]:
    """Return the screen's width and height in pixels, and where the first block starts."""
    if data[:6] not in SIGNATURES:
        refuse("it does not begin with a signature")
    width, height, flags = struct.unpack_from(_SCREEN, data, 6)
    if not width or not height:
        refuse(f"its header gives a size of {width} x {height} pixels")
    return width, height, _after_table(13, flags)


def blocks_of(data: bytes | mmap, at: int, *, until_frame: bool = False) -> Iterator[Block]:
    """Yield the blocks from `at` to the trailer, or with `until_frame` those before the first frame.

    Raises Corrupt for a damaged file, IndexError or struct.error for one that is cut off.
    """
    sub_blocks = MAX_SUB_BLOCKS
    for _ in range(MAX_BLOCKS):
        start, kind = at, data[at]
        if kind == IMAGE and until_frame:
            return
        label = data[at + 1] if kind == EXTENSION else 0
        if kind == TRAILER:
            yield Block(kind, label, start, at + 1)
            return
        at = _sub_blocks_start(data, at)
        while length := data[at]:
            at += length + 1
            sub_blocks -= 1
            if not sub_blocks:
                refuse(f"it has more than {MAX_SUB_BLOCKS} pieces of data")
        at += 1
        yield Block(kind, label, start, at)
    refuse(f"it has more than {MAX_BLOCKS} blocks")


def _sub_blocks_start(data: bytes | mmap, at: int) -> int:
    """Return where the sub-blocks of the extension or frame at `at` start."""
    if data[at] == EXTENSION:
        return at + 2
    if data[at] != IMAGE:
        refuse(f"a block begins with 0x{data[at]:02x}")
    *_, flags = struct.unpack_from(_DESCRIPTOR, data, at + 1)
    at = _after_table(at + 10, flags)
    if not 1 <= data[at] <= _MAX_CODE_BITS:
        refuse(f"a frame's codes begin with {data[at]} bits")
    return at + 1


def _after_table(at: int, flags: int) -> int:
    """Return where the colour table at `at` ends, or `at` when the flags declare none (section 19)."""
    return at + 3 * 2 ** ((flags & 7) + 1) if flags & _HAS_TABLE else at


def read_frame(data: bytes | mmap, at: int) -> Frame:
    """Return the place of the frame whose block starts at `at`. Raises struct.error where it is cut off."""
    left, top, width, height, _ = struct.unpack_from(_DESCRIPTOR, data, at + 1)
    return Frame(left, top, width, height)


def _check_frame(frame: Frame, present: int, limits: Limits) -> None:
    """Check its size, and compare its length in bytes with the minimum for so many pixels."""
    if not frame.width or not frame.height:
        refuse(f"a frame has a size of {frame.width} x {frame.height} pixels")
    limits.check(frame.width, frame.height)
    least = frame.width * frame.height // _MAX_EXPANSION
    if present < least:
        raise Truncated(reason=f"a frame of its size has at least {least} bytes of data; this one has {present}")


def refuse(reason: str) -> NoReturn:
    """Raise Corrupt for a GIF."""
    raise Corrupt(kind="GIF", reason=reason)
