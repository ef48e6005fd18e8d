"""A new file as ranges of an old file and new bytes, so that most of it is never kept in memory."""

from collections.abc import Iterable, Iterator, Sequence
from mmap import mmap
from typing import Final, TypeAlias

BLOCK_BYTES: Final = 2**20

Piece: TypeAlias = range | bytes
"""A range of the old file's bytes (its step is 1), or new bytes."""


def joined(pieces: Iterable[Piece]) -> list[Piece]:
    """Return the same file in fewer pieces: adjacent ranges become one, empty pieces are dropped.

    An unchanged file becomes the one piece `range(0, its length)`.
    """
    result: list[Piece] = []
    for piece in pieces:
        last = result[-1] if result else None
        if isinstance(piece, range) and isinstance(last, range) and last.stop == piece.start:
            result[-1] = range(last.start, piece.stop)
        elif len(piece):
            result.append(piece)
    return result


def reused(data: bytes | mmap, at: int, wanted: bytes) -> Piece:
    """Return `wanted`, or the range of the old file at `at` when the same bytes are there."""
    there = range(at, at + len(wanted))
    return there if data[there.start : there.stop] == wanted else wanted


def length(pieces: Iterable[Piece]) -> int:
    """Return the new file's length in bytes."""
    return sum(len(piece) for piece in pieces)


def contents(data: bytes | mmap, pieces: Sequence[Piece]) -> Iterator[bytes]:
    """Yield the new file's bytes, a block at a time; `data` is the old file."""
    for piece in pieces:
        if isinstance(piece, bytes):
            yield piece
        else:
            for at in range(piece.start, piece.stop, BLOCK_BYTES):
                yield data[at : min(at + BLOCK_BYTES, piece.stop)]
