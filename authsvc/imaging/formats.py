"""The accepted picture types: one row each, with everything that differs between them.

For a new type, add a member to `model.ImageType`, a folder here (walk.py, header.py,
strip.py) and a row in FORMATS.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from mmap import mmap
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar

from authsvc.imaging.avif.header import read_avif_header
from authsvc.imaging.avif.strip import avif_orientation, strip_avif, without_trailer_avif
from authsvc.imaging.avif.tracks import is_sequence
from authsvc.imaging.avif.walk import BRANDS_BYTES, Avif, is_avif, walk_avif
from authsvc.imaging.gif.header import read_gif_header
from authsvc.imaging.gif.strip import strip_gif, without_trailer_gif
from authsvc.imaging.gif.walk import SIGNATURES, Gif, walk_gif
from authsvc.imaging.jpeg.header import read_jpeg_header
from authsvc.imaging.jpeg.strip import jpeg_orientation, strip_jpeg, without_trailer_jpeg
from authsvc.imaging.jpeg.walk import Jpeg, walk_jpeg
from authsvc.imaging.limits import Limits
from authsvc.imaging.pieces import Piece
from authsvc.imaging.png.chunks import SIGNATURE
from authsvc.imaging.png.frames import is_animated, later_frames
from authsvc.imaging.png.header import read_png_header
from authsvc.imaging.png.strip import png_orientation, strip_png, without_trailer_png
from authsvc.imaging.png.walk import Png, walk_png
from authsvc.imaging.webp.header import read_webp_header
from authsvc.imaging.webp.strip import strip_webp, without_trailer_webp
from authsvc.imaging.webp.walk import Webp, is_webp, walk_webp
from authsvc.model import ImageType

HEAD_BYTES: Final = BRANDS_BYTES
"""How much of a file `sniff` needs."""

Data: TypeAlias = bytes | mmap


class Structure(Protocol):
    """What a walk finds: at least width and height, before the orientation is applied."""

    @property
    def width(self) -> int:
        """The width in pixels."""

    @property
    def height(self) -> int:
        """The height in pixels."""


S = TypeVar("S", bound=Structure)


@dataclass(frozen=True, slots=True)
class Codec:
    """How libvips reads and writes a type; only the decoder's processes use it."""

    loader: str
    """The class of the loader, the only one of libvips that may read this type."""
    name: str
    """What pyvips calls the type: `Image.<name>load`, `Image.<name>save`."""
    options: Mapping[str, object] = field(default_factory=dict)
    """Options for saving a size."""
    has_pages: bool = False
    """Whether libvips reads and writes every frame of an animation."""
    shrinks: bool = False
    """Whether the loader can shrink while it decodes."""
    has_unread_frames: Callable[[bytes], bool] | None = None
    """Return whether a file with this beginning has frames that libvips does not read."""
    later_frames: Callable[[Data], Iterator[bytes]] | None = None
    """Yield the frames that libvips does not read, each as a file."""


@dataclass(frozen=True, slots=True)
class Format(Generic[S]):
    """Everything about one picture type."""

    name: str
    mime: str
    extensions: tuple[str, ...]
    """The first one is used for new blobs."""
    has_signature: Callable[[bytes], bool]
    """Return whether a file with this beginning (HEAD_BYTES, or the whole file) is of this type."""
    walk: Callable[[Data, Limits], S]
    """Walk through the whole file, and refuse it when it is damaged or beyond the limits."""
    read_header: Callable[[Data], S]
    """Read only what is needed for the size; accept a file that is damaged after that."""
    strip: Callable[[Data, S], list[Piece]]
    """Return the file without metadata."""
    without_trailer: Callable[[Data, S], list[Piece]]
    """Return the file without the bytes after the picture."""
    codec: Codec
    orientation: Callable[[Data, S], int] | None = None
    """Return the Exif orientation, 1 to 8, in which browsers show the picture; None: they ignore it."""


def _begins_with(*signatures: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(signatures)


_JPEG: Final[Format[Jpeg]] = Format(
    name="JPEG",
    mime="image/jpeg",
    extensions=("jpg", "jpeg"),  # blobs that moved in from the 2018 script may be called .jpeg
    has_signature=_begins_with(b"\xff\xd8\xff"),  # ITU-T T.81 B.1.1.3: SOI and the next marker
    walk=walk_jpeg,
    read_header=read_jpeg_header,
    orientation=jpeg_orientation,
    strip=strip_jpeg,
    without_trailer=without_trailer_jpeg,
    codec=Codec("VipsForeignLoadJpeg", "jpeg", {"Q": 80, "optimize_coding": True}, shrinks=True),
)
_PNG: Final[Format[Png]] = Format(
    name="PNG",
    mime="image/png",
    extensions=("png",),
    has_signature=_begins_with(SIGNATURE),
    walk=walk_png,
    read_header=read_png_header,
    orientation=png_orientation,
    strip=strip_png,
    without_trailer=without_trailer_png,
    codec=Codec("VipsForeignLoadPng", "png", has_unread_frames=is_animated, later_frames=later_frames),
)
_GIF: Final[Format[Gif]] = Format(
    name="GIF",
    mime="image/gif",
    extensions=("gif",),
    has_signature=_begins_with(*SIGNATURES),
    walk=walk_gif,
    read_header=read_gif_header,
    strip=strip_gif,
    without_trailer=without_trailer_gif,
    codec=Codec("VipsForeignLoadNsgif", "gif", has_pages=True),
)
_WEBP: Final[Format[Webp]] = Format(
    name="WebP",
    mime="image/webp",
    extensions=("webp",),
    has_signature=is_webp,
    walk=walk_webp,
    read_header=read_webp_header,  # without orientation: Chromium ignores it (tried with 156)
    strip=strip_webp,
    without_trailer=without_trailer_webp,
    codec=Codec("VipsForeignLoadWebp", "webp", {"Q": 80, "effort": 4}, has_pages=True),
)
_AVIF: Final[Format[Avif]] = Format(
    name="AVIF",
    mime="image/avif",
    extensions=("avif",),
    has_signature=is_avif,
    walk=walk_avif,
    read_header=read_avif_header,
    orientation=avif_orientation,
    strip=strip_avif,
    without_trailer=without_trailer_avif,
    codec=Codec(
        "VipsForeignLoadHeif",
        "heif",
        {"compression": "av1", "Q": 65, "effort": 2, "bitdepth": 8},
        has_unread_frames=is_sequence,
    ),
)

FORMATS: Final[Mapping[ImageType, Format[Any]]] = {
    ImageType.JPEG: _JPEG,
    ImageType.PNG: _PNG,
    ImageType.GIF: _GIF,
    ImageType.WEBP: _WEBP,
    ImageType.AVIF: _AVIF,
}


def sniff(head: bytes) -> ImageType | None:
    """Return the type of the file that begins with `head`, None for any other file.

    The file name is not used. `head` is the file's first HEAD_BYTES, or all of a shorter file.
    """
    return next((kind for kind, row in FORMATS.items() if row.has_signature(head)), None)
