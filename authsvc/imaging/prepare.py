"""The step between spool and store: look at an upload, make it fit to keep."""

import mmap
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Final

from authsvc.errors import Unsupported
from authsvc.imaging.dimensions import read_dimensions
from authsvc.imaging.gif import Gif, walk_gif
from authsvc.imaging.jpeg import Jpeg, walk_jpeg
from authsvc.imaging.limits import Limits
from authsvc.imaging.png import Png, walk_png
from authsvc.imaging.sniff import HEAD_BYTES, sniff
from authsvc.imaging.webp import Webp, walk_webp
from authsvc.model import ImageType, Spooled


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is to be stored: a file, which may be the spooled one itself, and
    what its header says. Width and height are in pixels."""

    file: Spooled
    kind: ImageType
    width: int
    height: int


def prepare(received: Spooled, limits: Limits | None) -> Prepared:
    """Return what is to be stored of an upload. Blocking; it reads the header, but for AVIF the whole file.

    `limits` None is for pictures that are stored already, whatever their size.
    Nothing is cleaned out of a file yet, so it is kept byte for byte. Raises
    Unsupported for other types than the five, Corrupt for a damaged header,
    Truncated for one that ends too early, TooManyPixels, TooManyFrames, TooManyScans
    or Bomb beyond a limit.
    """
    with received.path.open("rb") as file:
        kind = sniff(file.read(HEAD_BYTES))
        if kind is None:
            raise Unsupported
        width, height = read_dimensions(file, kind) if limits is None else _inspect(file, kind, limits)
    return Prepared(received, kind, width, height)


def _inspect(file: BinaryIO, kind: ImageType, limits: Limits) -> tuple[int, int]:
    """Return width and height of a picture that is within the limits."""
    if kind in _WALKERS:
        with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:
            found = _WALKERS[kind](data, limits)
        return found.width, found.height
    width, height = read_dimensions(file, kind)
    limits.check(width, height, is_buffered=kind is ImageType.AVIF)
    return width, height


_WALKERS: Final[dict[ImageType, Callable[[mmap.mmap, Limits], Gif | Jpeg | Png | Webp]]] = {
    ImageType.JPEG: walk_jpeg,
    ImageType.PNG: walk_png,
    ImageType.GIF: walk_gif,
    ImageType.WEBP: walk_webp,
}
