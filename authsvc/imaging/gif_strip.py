"""Leave of a GIF file what a decoder shows, and drop the rest without touching a pixel (GIF89a specification)."""

from mmap import mmap
from typing import Final

from authsvc.imaging.gif import EXTENSION, Block, Gif
from authsvc.imaging.pieces import Piece, joined, reused

_CONTROL, _APPLICATION = 0xF9, 0xFF  # sections 23 and 26
_NAME_BYTES: Final = 11
# How often an animation is repeated, in both of the names that decoders know.
_LOOPS: Final = frozenset({b"NETSCAPE2.0", b"ANIMEXTS1.0"})
_PROFILE: Final = b"ICCRGBG1012"


def strip_gif(data: bytes | mmap, gif: Gif) -> list[Piece]:
    """Return the file without comments, texts and what applications have added; times and repetitions stay."""
    pieces: list[Piece] = [range(gif.blocks[0].start)]
    control: Piece = b""
    for block in gif.blocks:
        if block.kind == EXTENSION and block.label == _CONTROL:
            # It belongs to the picture that follows; the last one before that counts, also where the
            # specification means it for a text in between (seen in Pillow 12 and libvips 8.18).
            control = range(block.start, block.end)
        elif block.kind == EXTENSION:
            pieces.append(_application(data, block) if block.label == _APPLICATION else b"")
        else:
            pieces += [control, range(block.start, block.end)]
            control = b""
    return joined(pieces)


def cut_gif(data: bytes | mmap, gif: Gif) -> list[Piece]:  # noqa: ARG001 — the form of all of its kind
    """Return the file without what follows it."""
    return [range(gif.blocks[-1].end)]


def _application(data: bytes | mmap, block: Block) -> Piece:
    """Return what stays of an application's block: a colour profile, or a number of repetitions alone."""
    name = bytes(data[block.start + 3 : block.start + 3 + _NAME_BYTES])
    if data[block.start + 2] != _NAME_BYTES:
        return b""
    if name == _PROFILE:
        return range(block.start, block.end)
    head = block.start + 3 + _NAME_BYTES
    if name not in _LOOPS or data[head : head + 2] != b"\x03\x01" or head + 4 >= block.end:
        return b""
    return reused(data, block.start, bytes(data[block.start : head + 4]) + b"\0")
