"""For the comparison alone: a service that takes every upload as it comes.

bench/images.py puts this folder on the Python path of one service, which
then walks through no picture, takes nothing out and decodes nothing. The product has
no such switch.
"""

import mmap

from authsvc.errors import Unsupported
from authsvc.imaging.decoder.answer import Accepted
from authsvc.imaging.decoder.pool import DecoderPool
from authsvc.imaging.decoder.result_file import ResultFile
from authsvc.imaging.formats import HEAD_BYTES, sniff
from authsvc.imaging.inspection import size_in_header


async def _as_it_comes(_self: DecoderPool, picture: int, *, owner: str) -> tuple[Accepted, ResultFile]:  # noqa: ARG001
    with mmap.mmap(picture, 0, prot=mmap.PROT_READ) as data:
        kind = sniff(data[:HEAD_BYTES])
        if kind is None:
            raise Unsupported
        return Accepted(kind, *size_in_header(data, kind), None), ResultFile()


DecoderPool.inspect = _as_it_comes  # type: ignore[assignment,method-assign]  # the seam that is broken on purpose
