"""Read only the header of a GIF file, for pictures that are stored already."""

import struct
from contextlib import suppress
from mmap import mmap

from authsvc.errors import Corrupt, Truncated
from authsvc.imaging.gif.walk import IMAGE, Block, Gif, blocks_of, read_frame, read_screen


def read_gif_header(data: bytes | mmap) -> Gif:
    """Return the structure up to the first frame. Raises Corrupt or Truncated when it ends before that.

    Damage after the screen is ignored.
    """
    try:
        width, height, at = read_screen(data)
        blocks: list[Block] = []
        with suppress(Corrupt):
            blocks += blocks_of(data, at, until_frame=True)
            at = blocks[-1].end if blocks else at
            if data[at : at + 1] == bytes((IMAGE,)):
                frame = read_frame(data, at)
                width, height = max(width, frame.right), max(height, frame.bottom)
    except (IndexError, struct.error) as error:
        raise Truncated(reason=f"it ends before its first frame, after {len(data)} bytes") from error
    return Gif(tuple(blocks), width, height, frames=1)
