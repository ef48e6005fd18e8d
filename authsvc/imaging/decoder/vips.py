"""Decode pictures and write smaller copies of them with libvips, from memory to memory.

Only the decoder's processes import this: libvips takes 30 MB, and decoders have security holes.
"""

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pyvips

from authsvc.errors import Bomb, Corrupt, Unsupported
from authsvc.imaging.decoder.job import SizeJob
from authsvc.imaging.exif import UPRIGHT, is_sideways
from authsvc.imaging.formats import FORMATS, Data
from authsvc.imaging.inspection import size_in_header
from authsvc.model import ImageType

_NO_BOUND: Final = 10_000_000
"""The height in pixels for a size without a maximum height: libvips' largest coordinate."""
_SHRINKS: Final = (8, 4, 2)
"""The factors by which libjpeg can shrink a side while it decodes."""
_MIN_SHRUNK_SIDE: Final = 64
"""Pixels. libvips' JPEG loader fails if a side is shorter than eight times the factor."""
_SRGB: Final = frozenset({"srgb", "b-w"})
"""libvips' names for 8 bit colours and greys, which are sRGB unless the picture has a profile."""
_REASON_LENGTH: Final = 200
"""Characters. A longer reason is cut, because libvips may repeat kilobytes of the file."""
_HEAD_BYTES: Final = 2**23
"""The part of a file that declares an animation, which may come after a colour profile of at most 4 MiB."""
_MEMORY: Final = ("out of memory", "unable to allocate", "unable to malloc", "memory allocation", "failed to allocate")
_STRIP_BYTES: Final = 2**20
"""How many bytes of 8-bit pixels are decoded at a time."""
_WARM_UP_SIDE: Final = 16
"""Pixels. The smallest side that every saver accepts."""


def set_up() -> None:
    """Prepare libvips for files from strangers. Call it once, before any job."""
    # Every job has another picture, so that a cache only takes memory.
    pyvips.cache_set_max(0)
    pyvips.operation_block_set("VipsForeignLoad", True)  # noqa: FBT003 — its signature
    # Only the loaders of the accepted types may run. Those of SVG, TIFF, PDF and others are blocked, even if the
    # file claims such a type.
    for row in FORMATS.values():
        # A loader has one class for each place that it reads from; these read from memory.
        pyvips.operation_block_set(f"{row.codec.loader}Buffer", False)  # noqa: FBT003


def warm_up() -> None:
    """Use every loader and saver once: libraries open files when they are first used, and later nothing can."""
    picture = pyvips.Image.black(_WARM_UP_SIDE, _WARM_UP_SIDE, bands=3).copy(interpretation="srgb")
    for kind in ImageType:
        content = _saved(picture, kind)
        decode(content, kind, max_pixels=_WARM_UP_SIDE**2)
        _saved(_thumbnail(content, kind, _WARM_UP_SIDE // 2, output_profile="srgb"), kind)


def decode(data: Data, kind: ImageType, *, max_pixels: int) -> None:
    """Decode every pixel of every frame; of an animated AVIF only the first frame, because libvips reads no other.

    Raises Corrupt for a picture that cannot be decoded, and for one with more than
    `max_pixels` in a frame; Bomb for one that takes too much memory.
    """
    with _own_errors(kind):
        codec = FORMATS[kind].codec
        options: dict[str, Any] = {"access": "sequential", "fail_on": "error"}
        if codec.has_pages:
            options["n"] = -1
        # This reads only the header; pixels are decoded when they are used.
        image = _load(kind, data, **options)
        height = image.get_page_height()
        if image.width * height > max_pixels:
            reason = f"its decoder finds {image.width} x {height} pixels in it, more than its header declares"
            raise Corrupt(kind=kind.name, reason=reason)
        if codec.shrinks and (shrink := _shrink(image, 1)) > 1:
            # The loader still reads all data; decoding an eighth of each side takes half the time.
            image = _load(kind, data, shrink=shrink, **options)
        _read_pixels(image)
        if codec.later_frames is not None:
            for frame in codec.later_frames(data):
                _read_pixels(_load(kind, frame, access="sequential", fail_on="error"))


def _read_pixels(image: pyvips.Image) -> None:
    """Decode all pixels, in this thread and in order."""
    # A quarter of a millisecond faster than an operation that uses all pixels: that would start a thread.
    region = pyvips.Region.new(image)
    rows = max(1, _STRIP_BYTES // (image.width * image.bands))
    for top in range(0, image.height, rows):
        region.fetch(0, top, image.width, min(rows, image.height - top))


def make_size(data: Data, job: SizeJob) -> bytes:
    """Return the copy: upright, in sRGB with 8 bits, without metadata.

    Raises what `decode` does, and Unsupported when the copy would be useless: it would lose
    an animation, or it has the format of a picture that is not wider.
    """
    source, target = FORMATS[job.kind], FORMATS[job.format]
    with _own_errors(job.kind):
        if job.format is job.kind and size_in_header(data, job.kind)[0] <= job.width:
            # Re-encoding at full width only loses quality.
            raise Unsupported
        if source.codec.has_pages and not target.codec.has_pages and _pages(data, job.kind) > 1:
            # libvips writes no animation in this format.
            raise Unsupported
        if source.codec.has_unread_frames is not None and source.codec.has_unread_frames(data[:_HEAD_BYTES]):
            # libvips would read only its first frame.
            raise Unsupported
        return _saved(_smaller(data, job), job.format)


def _smaller(data: Data, job: SizeJob) -> pyvips.Image:
    source = FORMATS[job.kind]
    header = _load(job.kind, data)
    options: dict[str, Any] = {}
    if header.get_typeof("icc-profile-data") or header.interpretation not in _SRGB:
        # Only where it is needed: it takes as long as everything else.
        options["output_profile"] = "srgb"
    if source.codec.shrinks:
        # Without this libvips decodes at least twice the width. With it a size is made a tenth faster in two thirds of
        # the memory, and at the same number of bytes it scores the same in SSIMULACRA2.
        loaded = _load(job.kind, data, shrink=_shrink(header, job.width), access="sequential", fail_on="error")
        image = loaded.thumbnail_image(job.width, **_frame(job.kind), **options)
    else:
        image = _thumbnail(data, job.kind, job.width, **options)
    if image.format != "uchar":
        image = image.colourspace("b-w" if image.bands <= 2 else "srgb").cast("uchar")  # noqa: PLR2004 — grey, alpha
    return image


def _thumbnail(data: Data, kind: ImageType, width: int, **options: object) -> pyvips.Image:
    # It ignores `fail_on`, but passes these options to the loader.
    loader_options = "n=-1,fail_on=error" if FORMATS[kind].codec.has_pages else "fail_on=error"
    return pyvips.Image.thumbnail_buffer(data, width, option_string=loader_options, **_frame(kind), **options)


def _frame(kind: ImageType) -> dict[str, Any]:
    return {"height": _NO_BOUND, "size": "down", "no_rotate": FORMATS[kind].orientation is None}


def _saved(image: pyvips.Image, kind: ImageType) -> bytes:
    codec = FORMATS[kind].codec
    content: bytes = getattr(image, f"{codec.name}save_buffer")(keep="none", **codec.options)
    return content


def _shrink(header: pyvips.Image, width: int) -> int:
    """Return by how much a picture can shrink while it is decoded and still be this wide."""
    orientation = header.get("orientation") if header.get_typeof("orientation") else UPRIGHT
    side = header.height if is_sideways(orientation) else header.width
    if min(header.width, header.height) < _MIN_SHRUNK_SIDE:
        return 1
    return next((shrink for shrink in _SHRINKS if side // shrink >= width), 1)


def _load(kind: ImageType, data: Data, **options: object) -> pyvips.Image:
    """Open a picture with the loader of this type; the bytes are not inspected."""
    loader: Callable[..., pyvips.Image] = getattr(pyvips.Image, f"{FORMATS[kind].codec.name}load_buffer")
    return loader(data, **options)


def _pages(data: Data, kind: ImageType) -> int:
    image = _load(kind, data)
    return int(image.get("n-pages")) if image.get_typeof("n-pages") else 1


@contextmanager
def _own_errors(kind: ImageType) -> Iterator[None]:
    """Raise Corrupt or Bomb for an error of libvips."""
    # Otherwise an error that is left from an earlier job would be reported for this one.
    pyvips.vips_lib.vips_error_clear()
    try:
        yield
    except MemoryError as error:
        raise _bomb() from error
    except pyvips.Error as error:
        raise _refusal(kind, str(error)) from error
    except UnicodeDecodeError as error:
        # The message repeats bytes of the file that are not UTF-8, which pyvips cannot decode.
        raise _refusal(kind, error.object.decode(errors="replace")) from error


def _refusal(kind: ImageType, text: str) -> Bomb | Corrupt:
    """Return what libvips' message means."""
    if any(words in text.lower() for words in _MEMORY):
        return _bomb()
    lines = list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
    return Corrupt(kind=kind.name, reason=lines[-1][:_REASON_LENGTH] if lines else "its decoder gives no reason")


def _bomb() -> Bomb:
    return Bomb(what="picture", limit_bytes=resource.getrlimit(resource.RLIMIT_AS)[0])
