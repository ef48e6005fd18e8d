"""Read only the header of a PNG file, for pictures that are stored already."""

from mmap import mmap

from authsvc.errors import Corrupt, Truncated
from authsvc.imaging.png.chunks import Chunk, Header, chunks_of
from authsvc.imaging.png.walk import Png


def read_png_header(data: bytes | mmap) -> Png:
    """Return the structure before the picture data. Raises Corrupt or Truncated without an IHDR.

    Damage after IHDR is ignored.
    """
    chunks: list[Chunk] = []
    try:
        for chunk in chunks_of(data):
            chunks.append(chunk)
            if chunk.name == b"IDAT":
                break
    except (Corrupt, Truncated):
        if not chunks:
            raise
    header = Header.read(data, chunks[0])
    return Png(tuple(chunks), header.width, header.height, frames=1)
