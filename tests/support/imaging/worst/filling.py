"""Fill a file of a given size with pieces, and profiles with many tags."""

import struct
from collections.abc import Callable
from typing import TypeAlias

Maker: TypeAlias = Callable[[int], bytes]
"""Returns a file of about so many bytes."""


def filled(before: bytes, piece: bytes, after: bytes = b"", *, most: int | None = None) -> Maker:
    """Return a maker that repeats a piece between two others, at most so many times."""

    def make(size: int) -> bytes:
        count = max(0, size - len(before) - len(after)) // len(piece)
        return before + piece * (count if most is None else min(count, most)) + after

    return make


def grown(before: bytes, piece: Callable[[int], bytes], after: bytes = b"", *, count: int) -> Maker:
    """Return a maker that repeats a piece so many times, each as large as it may be; `piece` gets its size."""

    def make(size: int) -> bytes:
        return before + piece(max(0, size - len(before) - len(after)) // count) * count + after

    return make


def profile(size: int, tags: int = 1000, *, step: int = 1) -> bytes:
    """Return a colour profile of about `size` bytes, with up to so many tags.

    Every second tag identifies a device. All places are different, and none overlaps another with a step of 1.
    """
    tags = max(2, min(tags, (size - 132) // 13))
    at = 132 + 12 * tags
    table = b"".join(
        struct.pack(">4sII", (b"desc", b"mmod")[number % 2], at + number * step, 1) for number in range(tags)
    )
    body = struct.pack(">I", tags) + table
    return (bytes(36) + b"acsp" + bytes(88) + body).ljust(max(size, at + tags * step), b"\1")
