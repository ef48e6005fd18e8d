"""For the comparison alone: a service that takes every upload as it comes.

bench/images.py puts this folder on the Python path of one service, which
then walks through no picture, takes nothing out and decodes nothing. The product has
no such switch.
"""

from pathlib import Path

from authsvc.imaging.decoder.pool import DecoderPool
from authsvc.imaging.limits import Limits
from authsvc.imaging.prepare import Prepared, prepare
from authsvc.model import ImageType, Spooled
from authsvc.uploads import pipeline


def _as_it_comes(received: Spooled, _limits: Limits | None, *, strips: bool = False) -> Prepared:  # noqa: ARG001
    return prepare(received, None)


async def _undecoded(_self: DecoderPool, _path: Path, _kind: ImageType, *, pixels: int | None = None) -> None:
    pass


pipeline.prepare = _as_it_comes  # type: ignore[assignment,attr-defined]  # the seam that is broken on purpose
DecoderPool.check = _undecoded  # type: ignore[assignment,method-assign]  # as above
