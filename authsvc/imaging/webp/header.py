"""Read only the header of a WebP file, for pictures that are stored already."""

from mmap import mmap

from authsvc.imaging.webp.walk import Webp, canvas_size, declared_end, outer_chunks, refuse


def read_webp_header(data: bytes | mmap) -> Webp:
    """Return the structure of the first chunk. Raises Corrupt when it is damaged or cut off.

    Anything else is ignored, also a wrong length in the RIFF header.
    """
    chunk = next(outer_chunks(data, max(declared_end(data), len(data))), None)
    if chunk is None:
        refuse("it has no chunk")
    return Webp((chunk,), *canvas_size(data, chunk), frames=1)
