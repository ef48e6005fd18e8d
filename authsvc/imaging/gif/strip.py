"""Remove the metadata of a GIF file without changing a pixel (GIF89a specification)."""

from collections.abc import Iterator
from mmap import mmap
from typing import Final

from authsvc.imaging.gif.walk import EXTENSION, Block, Gif
from authsvc.imaging.icc import without_device
from authsvc.imaging.pieces import Piece, joined, reused

_CONTROL, _APPLICATION = 0xF9, 0xFF  # sections 23 and 26
_NAME_AT: Final = 3  # after the first byte, the label and the length of the name
_NAME_BYTES: Final = 11
_CONTROL_BYTES: Final = 4
_MAX_SUB_BLOCK_BYTES: Final = 255
# How often an animation is repeated; decoders know both names.
_LOOPS: Final = frozenset({b"NETSCAPE2.0", b"ANIMEXTS1.0"})
_LOOP_BYTES: Final = 3
"""The number 1, of which Mozilla reads only three bits, and the number of repetitions."""
_PROFILE: Final = b"ICCRGBG1012"


def strip_gif(data: bytes | mmap, gif: Gif) -> list[Piece]:
    """Return the file without comments, texts and applications' blocks; times, repetitions and profile are kept."""
    pieces: list[Piece] = [range(gif.blocks[0].start)]
    control: Block | None = None
    has_profile = False
    for block in gif.blocks:
        if block.kind != EXTENSION:
            pieces += [_control(data, control) if control else b"", range(block.start, block.end)]
            control = None
        elif block.label == _CONTROL:
            # It belongs to the picture that follows. Decoders use the last one before the picture, even where the
            # specification assigns it to a text in between (seen in Pillow 12 and libvips 8.18).
            control = block
        elif block.label == _APPLICATION and (name := _application(data, block)) in _LOOPS:
            pieces.append(_repetitions(data, block))
        elif block.label == _APPLICATION and name == _PROFILE and not has_profile:
            pieces.append(_profile(data, block))
            has_profile = True
    return joined(pieces)


def without_trailer_gif(_data: bytes | mmap, gif: Gif) -> list[Piece]:
    """Return the file without what follows it."""
    return [range(gif.blocks[-1].end)]


def _application(data: bytes | mmap, block: Block) -> bytes:
    """Return the name of the application that a block is for, b"" for a block without one (section 26)."""
    at = block.start + _NAME_AT
    return bytes(data[at : at + _NAME_BYTES]) if data[at - 1] == _NAME_BYTES else b""


def _profile(data: bytes | mmap, block: Block) -> Piece:
    """Return the block of a colour profile without what identifies a device."""
    head = block.start + _NAME_AT + _NAME_BYTES
    profile = without_device(b"".join(data[piece.start : piece.stop] for piece in _sub_blocks(data, head)))
    return reused(data, block.start, bytes(data[block.start : head]) + _in_sub_blocks(profile))


def _repetitions(data: bytes | mmap, block: Block) -> Piece:
    """Return only the number of repetitions of an application's block, b"" for a block without one."""
    head = block.start + _NAME_AT + _NAME_BYTES
    if data[head] < _LOOP_BYTES or data[head + 1] & 7 != 1:
        return b""
    # Keep its length: Pillow uses a longer block, others ignore it.
    repetitions = bytes(data[head + 1 : head + 1 + _LOOP_BYTES]).ljust(data[head], b"\0")
    return reused(data, block.start, bytes(data[block.start : head]) + _in_sub_blocks(repetitions))


def _control(data: bytes | mmap, block: Block) -> Piece:
    """Return only a graphic control: one sub-block of 4 bytes. Decoders use the first 4 bytes of a longer one."""
    if data[block.start + 2] < _CONTROL_BYTES:
        return range(block.start, block.end)
    content = bytes(data[block.start + 3 : block.start + 3 + _CONTROL_BYTES])
    return reused(data, block.start, bytes((EXTENSION, _CONTROL)) + _in_sub_blocks(content))


def _sub_blocks(data: bytes | mmap, at: int) -> Iterator[range]:
    """Yield where the content of each sub-block from `at` on is (section 15)."""
    while length := data[at]:
        yield range(at + 1, at + 1 + length)
        at += 1 + length


def _in_sub_blocks(content: bytes) -> bytes:
    parts = (content[at : at + _MAX_SUB_BLOCK_BYTES] for at in range(0, len(content), _MAX_SUB_BLOCK_BYTES))
    return b"".join(bytes((len(part),)) + part for part in parts) + b"\0"
