"""Decode pictures and write smaller copies of them with libvips.

Only the decoder's processes import this: libvips takes 30 MB, and decoders have security holes.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from mmap import PROT_READ, mmap
from typing import Any, Final

import pyvips

from authsvc.imaging.decoder.job import Check, Failure, Job, Result, SizeJob
from authsvc.imaging.exif import UPRIGHT, is_sideways
from authsvc.imaging.formats import FORMATS
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
_ROOM: Final = ("no space left", "disk quota", "unable to write", "write error", "write failed")


def set_up() -> None:
    """Prepare libvips for files from strangers. Call it once, before any job."""
    # Every job has another picture, so that a cache only takes memory.
    pyvips.cache_set_max(0)
    pyvips.operation_block_set("VipsForeignLoad", True)  # noqa: FBT003 — its signature
    # Only the loaders of the accepted types may run. Those of SVG, TIFF, PDF and others are blocked, even if the
    # file claims such a type.
    for row in FORMATS.values():
        pyvips.operation_block_set(row.codec.loader, False)  # noqa: FBT003


def check(job: Check) -> Result:
    """Decode every pixel of every frame; of an animated AVIF only the first frame, because libvips reads no other."""
    return _attempt(job, lambda: _decode(job))


def make_size(job: SizeJob) -> Result:
    """Write the copy: upright, in sRGB with 8 bits, without metadata."""
    source, target = FORMATS[job.kind], FORMATS[job.format]
    if source.codec.has_pages and not target.codec.has_pages and _pages(job) > 1:
        return Result(Failure.UNSUITABLE, f"libvips writes no animated {target.name}")
    if _has_unread_frames(job):
        return Result(Failure.UNSUITABLE, f"libvips reads only one frame of an animated {source.name}")
    result = _attempt(job, lambda: _write(job))
    if result.failure is not None:
        job.target.unlink(missing_ok=True)
        if result.failure is not Failure.NO_SOURCE and not job.target.parent.is_dir():
            return Result(Failure.NO_TARGET, str(job.target))
    return result


def _decode(job: Check) -> None:
    codec = FORMATS[job.kind].codec
    options: dict[str, Any] = {"access": "sequential", "fail_on": "error"}
    if codec.has_pages:
        options["n"] = -1
    load = partial(_loader(job.kind), str(job.source), **options)
    # This reads only the header; pixels are decoded when they are used.
    image = load()
    height = image.get_page_height()
    if job.pixels is not None and image.width * height > job.pixels:
        message = f"its decoder finds {image.width} x {height} pixels in it, more than its header declares"
        raise pyvips.Error(message)
    if codec.shrinks:
        # The loader still reads all data; decoding an eighth of each side takes half the time.
        image = load(shrink=_shrink(image, 1))
    image.avg()
    if codec.later_frames is not None:
        with job.source.open("rb") as file, mmap(file.fileno(), 0, prot=PROT_READ) as data:
            for frame in codec.later_frames(data):
                _loader(job.kind, "_buffer")(frame, access="sequential", fail_on="error").avg()


def _write(job: SizeJob) -> None:
    source = FORMATS[job.kind]
    header = _loader(job.kind)(str(job.source))
    options: dict[str, Any] = {"height": _NO_BOUND, "size": "down", "no_rotate": source.orientation is None}
    if header.get_typeof("icc-profile-data") or header.interpretation not in _SRGB:
        # Only where it is needed: it takes as long as everything else.
        options["output_profile"] = "srgb"
    if source.codec.shrinks:
        # Without this libvips decodes at least twice the width. With it a size is made a tenth faster in two thirds of
        # the memory, and at the same number of bytes it scores the same in SSIMULACRA2.
        shrink = _shrink(header, job.width)
        loaded = _loader(job.kind)(str(job.source), shrink=shrink, access="sequential", fail_on="error")
        image = loaded.thumbnail_image(job.width, **options)
    else:
        path = f"{job.source}[n=-1]" if source.codec.has_pages else str(job.source)
        image = pyvips.Image.thumbnail(path, job.width, fail_on="error", **options)
    if image.format != "uchar":
        image = image.colourspace("b-w" if image.bands <= 2 else "srgb").cast("uchar")  # noqa: PLR2004 — grey, alpha
    target = FORMATS[job.format].codec
    getattr(image, f"{target.name}save")(str(job.target), keep="none", **target.options)


def _shrink(header: pyvips.Image, width: int) -> int:
    """Return by how much a picture can shrink while it is decoded and still be this wide."""
    orientation = header.get("orientation") if header.get_typeof("orientation") else UPRIGHT
    side = header.height if is_sideways(orientation) else header.width
    if min(header.width, header.height) < _MIN_SHRUNK_SIDE:
        return 1
    return next((shrink for shrink in _SHRINKS if side // shrink >= width), 1)


def _loader(kind: ImageType, source: str = "") -> Callable[..., Any]:
    """Return the loader for this type; the bytes are not inspected. `source` is "_buffer" for bytes in memory."""
    loader: Callable[..., Any] = getattr(pyvips.Image, f"{FORMATS[kind].codec.name}load{source}")
    return loader


def _pages(job: SizeJob) -> int:
    with suppress(pyvips.Error, UnicodeDecodeError):
        image = _loader(job.kind)(str(job.source))
        return int(image.get("n-pages")) if image.get_typeof("n-pages") else 1
    return 1


def _has_unread_frames(job: SizeJob) -> bool:
    """Return whether the picture is an animation of which libvips would read only one frame."""
    has_unread_frames = FORMATS[job.kind].codec.has_unread_frames
    if has_unread_frames is None:
        return False
    with suppress(FileNotFoundError), job.source.open("rb") as file:
        return has_unread_frames(file.read(_HEAD_BYTES))
    return False


def _attempt(job: Job, act: Callable[[], None]) -> Result:
    # Otherwise an error that is left from an earlier job would be reported for this one.
    pyvips.vips_lib.vips_error_clear()
    try:
        act()
    except MemoryError:
        return Result(Failure.TOO_MUCH_MEMORY)
    except pyvips.Error as error:
        return _failure(job, str(error))
    except UnicodeDecodeError as error:
        # The message repeats bytes of the file that are not UTF-8, which pyvips cannot decode.
        return _failure(job, error.object.decode(errors="replace"))
    return Result()


def _failure(job: Job, text: str) -> Result:
    """Return the failure that libvips' message means."""
    lines = list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
    reason = lines[-1][:_REASON_LENGTH] if lines else "its decoder gives no reason"
    message = text.lower()
    if not job.source.exists():
        return Result(Failure.NO_SOURCE, str(job.source))
    if any(words in message for words in _MEMORY):
        return Result(Failure.TOO_MUCH_MEMORY, reason)
    if isinstance(job, SizeJob) and any(words in message for words in _ROOM):
        return Result(Failure.DISK_FULL, reason)
    return Result(Failure.UNDECODABLE, reason)
