"""Walk through a picture of any accepted type, and say what to keep of it."""

from collections.abc import Callable
from dataclasses import dataclass
from mmap import mmap
from typing import Final, Generic, TypeVar

from authsvc.imaging.avif.strip import avif_orientation, strip_avif, without_trailer_avif
from authsvc.imaging.avif.walk import Avif, walk_avif
from authsvc.imaging.exif import UPRIGHT, is_sideways
from authsvc.imaging.gif.strip import strip_gif, without_trailer_gif
from authsvc.imaging.gif.walk import Gif, walk_gif
from authsvc.imaging.jpeg.strip import jpeg_orientation, strip_jpeg, without_trailer_jpeg
from authsvc.imaging.jpeg.walk import Jpeg, walk_jpeg
from authsvc.imaging.limits import Limits
from authsvc.imaging.pieces import Piece
from authsvc.imaging.png.strip import png_orientation, strip_png, without_trailer_png
from authsvc.imaging.png.walk import Png, walk_png
from authsvc.imaging.webp.strip import strip_webp, without_trailer_webp
from authsvc.imaging.webp.walk import Webp, walk_webp
from authsvc.model import ImageType

S = TypeVar("S", Avif, Gif, Jpeg, Png, Webp)


@dataclass(frozen=True, slots=True)
class Inspected:
    """A picture within the limits: as wide and high as it is shown, in pixels, and what to keep of its file."""

    width: int
    height: int
    pieces: list[Piece]


def inspect(data: bytes | mmap, kind: ImageType, limits: Limits, *, strips: bool) -> Inspected:
    """Return what there is to know of a picture.

    `strips` takes out metadata; what follows the picture goes in any case. Raises
    what its walker raises.
    """
    return _INSPECTORS[kind].inspect(data, limits, strips=strips)


@dataclass(frozen=True, slots=True)
class _Inspector(Generic[S]):
    """What is known of one type: how to walk through it, turn it, clean it, cut it."""

    walk: Callable[[bytes | mmap, Limits], S]
    orientation: Callable[[bytes | mmap, S], int]
    strip: Callable[[bytes | mmap, S], list[Piece]]
    cut: Callable[[bytes | mmap, S], list[Piece]]

    def inspect(self, data: bytes | mmap, limits: Limits, *, strips: bool) -> Inspected:
        found = self.walk(data, limits)
        size = found.width, found.height
        if is_sideways(self.orientation(data, found)):
            size = size[::-1]
        return Inspected(*size, pieces=self.strip(data, found) if strips else self.cut(data, found))


def _upright(_data: bytes | mmap, _found: Gif | Webp) -> int:
    """Return how browsers show it. Of a WebP, Chromium passes over the orientation (tried with 156)."""
    return UPRIGHT


_INSPECTORS: Final[
    dict[ImageType, _Inspector[Avif] | _Inspector[Gif] | _Inspector[Jpeg] | _Inspector[Png] | _Inspector[Webp]]
] = {
    ImageType.JPEG: _Inspector(walk_jpeg, jpeg_orientation, strip_jpeg, without_trailer_jpeg),
    ImageType.PNG: _Inspector(walk_png, png_orientation, strip_png, without_trailer_png),
    ImageType.GIF: _Inspector(walk_gif, _upright, strip_gif, without_trailer_gif),
    ImageType.AVIF: _Inspector(walk_avif, avif_orientation, strip_avif, without_trailer_avif),
    ImageType.WEBP: _Inspector(walk_webp, _upright, strip_webp, without_trailer_webp),
}
