"""Decode pictures and make smaller ones of them. Loaded by workers alone: it is 30 MB, and decoders have holes."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from mmap import PROT_READ, mmap
from typing import Any, Final

import pyvips

from authsvc.imaging.decoder.job import Check, Failure, Job, Result, SizeJob
from authsvc.imaging.exif import UPRIGHT, is_sideways
from authsvc.imaging.png.frames import later_frames
from authsvc.model import ImageType

WEBP_QUALITY: Final = 80
WEBP_EFFORT: Final = 4
AVIF_QUALITY: Final = 65
AVIF_EFFORT: Final = 2
JPEG_QUALITY: Final = 80

# The only ones of libvips' loaders that may run. SVG, TIFF, PDF and the rest stay out of reach,
# whatever a file pretends to be.
_LOADERS: Final = (
    "VipsForeignLoadJpeg",
    "VipsForeignLoadPng",
    "VipsForeignLoadNsgif",
    "VipsForeignLoadWebp",
    "VipsForeignLoadHeif",
)
_ANIMATED: Final = frozenset({ImageType.GIF, ImageType.WEBP})
_NO_BOUND: Final = 10_000_000
"""More pixels than any picture is high: libvips' own largest coordinate."""
_SHRINKS: Final = (8, 4, 2)
"""By how much libjpeg can shrink a side while it decodes."""
_LEAST_SHRUNK_SIDE: Final = 64
"""In pixels. Below eight times as many as one is shrunk by, libvips' JPEG loader fails."""
_SRGB: Final = frozenset({"srgb", "b-w"})
"""What libvips calls 8 bit colours and greys that are sRGB unless a profile says something else."""
_REASON_LENGTH: Final = 200
"""In characters; libvips may repeat kilobytes of the file."""
_HEAD_BYTES: Final = 2**23
"""In which the beginning of an animation is looked for; before it stands a colour profile of 4 MiB at the most."""
_MEMORY: Final = ("out of memory", "unable to allocate", "unable to malloc", "memory allocation", "failed to allocate")
_ROOM: Final = ("no space left", "disk quota", "unable to write", "write error", "write failed")


def set_up() -> None:
    """Make libvips fit for what strangers send. Call it once, before any job."""
    # Every job has its own picture: what it keeps is memory that is gone.
    pyvips.cache_set_max(0)
    pyvips.operation_block_set("VipsForeignLoad", True)  # noqa: FBT003 — its signature
    for loader in _LOADERS:
        pyvips.operation_block_set(loader, False)  # noqa: FBT003


def check(job: Check) -> Result:
    """Decode every pixel of every frame; of an animated AVIF that is the first alone, libvips reads no other."""
    return _attempt(job, lambda: _decode(job))


def make_size(job: SizeJob) -> Result:
    """Write the copy: turned as its orientation says, in sRGB with 8 bits, without metadata."""
    if job.kind is not job.format and job.format is ImageType.AVIF and job.kind in _ANIMATED and _pages(job) > 1:
        return Result(Failure.UNSUITABLE, "AVIF has no animations here")
    if _is_lost_animation(job):
        return Result(Failure.UNSUITABLE, f"libvips reads one frame of an animated {job.kind.name}")
    result = _attempt(job, lambda: _write(job))
    if result.failure is not None:
        job.target.unlink(missing_ok=True)
        if result.failure is not Failure.NO_SOURCE and not job.target.parent.is_dir():
            return Result(Failure.NO_TARGET, str(job.target))
    return result


def _decode(job: Check) -> None:
    options: dict[str, Any] = {"access": "sequential", "fail_on": "error"}
    if job.kind in _ANIMATED:
        options["n"] = -1
    load = partial(_loader(job.kind), str(job.source), **options)
    # Of the header alone, until pixels are asked for.
    image = load()
    height = image.get_page_height()
    if job.pixels is not None and image.width * height > job.pixels:
        message = f"its decoder finds {image.width} x {height} pixels in it, which is more than it says"
        raise pyvips.Error(message)
    if job.kind is ImageType.JPEG:
        # All of the data is read all the same; an eighth of a side takes half the time.
        image = load(shrink=_shrink(image, 1))
    image.avg()
    if job.kind is ImageType.PNG:
        # libvips reads the first picture alone.
        with job.source.open("rb") as file, mmap(file.fileno(), 0, prot=PROT_READ) as data:
            for frame in later_frames(data):
                pyvips.Image.pngload_buffer(frame, access="sequential", fail_on="error").avg()


def _write(job: SizeJob) -> None:
    header = _loader(job.kind)(str(job.source))
    # As Chromium shows the picture itself: it passes over a WebP's orientation (tried with 156).
    options: dict[str, Any] = {"height": _NO_BOUND, "size": "down", "no_rotate": job.kind is ImageType.WEBP}
    if header.get_typeof("icc-profile-data") or header.interpretation not in _SRGB:
        # Without need it takes as long as all of the rest.
        options["output_profile"] = "srgb"
    if job.kind is ImageType.JPEG:
        # libvips would decode twice the width at least. This is a tenth faster in two thirds of the memory, and at the
        # same number of bytes as good by SSIMULACRA2.
        shrink = _shrink(header, job.width)
        loaded = pyvips.Image.jpegload(str(job.source), shrink=shrink, access="sequential", fail_on="error")
        image = loaded.thumbnail_image(job.width, **options)
    else:
        source = f"{job.source}[n=-1]" if job.kind in _ANIMATED else str(job.source)
        image = pyvips.Image.thumbnail(source, job.width, fail_on="error", **options)
    if image.format != "uchar":
        image = image.colourspace("b-w" if image.bands <= 2 else "srgb").cast("uchar")  # noqa: PLR2004 — grey, alpha
    _SAVERS[job.format](image, str(job.target))


def _shrink(header: pyvips.Image, width: int) -> int:
    """Return by how much a JPEG may shrink while it is decoded, and be as wide as this still."""
    orientation = header.get("orientation") if header.get_typeof("orientation") else UPRIGHT
    side = header.height if is_sideways(orientation) else header.width
    if min(header.width, header.height) < _LEAST_SHRUNK_SIDE:
        return 1
    return next((shrink for shrink in _SHRINKS if side // shrink >= width), 1)


def _loader(kind: ImageType) -> Callable[..., Any]:
    """Return the one loader for this type, whatever the bytes are."""
    loader: Callable[..., Any] = getattr(pyvips.Image, f"{_NAMES[kind]}load")
    return loader


_NAMES: Final = {
    ImageType.JPEG: "jpeg",
    ImageType.PNG: "png",
    ImageType.GIF: "gif",
    ImageType.WEBP: "webp",
    ImageType.AVIF: "heif",
}
_SAVERS: Final[dict[ImageType, Callable[[Any, str], None]]] = {
    ImageType.JPEG: lambda image, path: image.jpegsave(path, Q=JPEG_QUALITY, optimize_coding=True, keep="none"),
    ImageType.PNG: lambda image, path: image.pngsave(path, keep="none"),
    ImageType.GIF: lambda image, path: image.gifsave(path, keep="none"),
    ImageType.WEBP: lambda image, path: image.webpsave(path, Q=WEBP_QUALITY, effort=WEBP_EFFORT, keep="none"),
    ImageType.AVIF: lambda image, path: image.heifsave(
        path, compression="av1", Q=AVIF_QUALITY, effort=AVIF_EFFORT, bitdepth=8, keep="none"
    ),
}


def _pages(job: SizeJob) -> int:
    with suppress(pyvips.Error, UnicodeDecodeError):
        image = _loader(job.kind)(str(job.source))
        return int(image.get("n-pages")) if image.get_typeof("n-pages") else 1
    return 1


def _is_lost_animation(job: SizeJob) -> bool:
    """Return whether the picture moves, and libvips would not see it: an animated PNG or AVIF."""
    if job.kind not in {ImageType.PNG, ImageType.AVIF}:
        return False
    with suppress(FileNotFoundError), job.source.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        if job.kind is ImageType.AVIF:
            return head[8:12] == b"avis"
        # It stands before the first picture data: PNG (Third Edition), section 5.6.
        return b"acTL" in head.partition(b"IDAT")[0]
    return False


def _attempt(job: Job, act: Callable[[], None]) -> Result:
    # What a job before has left there would be told of this one.
    pyvips.vips_lib.vips_error_clear()
    try:
        act()
    except MemoryError:
        return Result(Failure.TOO_MUCH_MEMORY)
    except pyvips.Error as error:
        return _failure(job, str(error))
    except UnicodeDecodeError as error:
        # libvips repeats bytes of the file, of which pyvips makes no text.
        return _failure(job, error.object.decode(errors="replace"))
    return Result()


def _failure(job: Job, text: str) -> Result:
    """Tell from libvips' words what has failed."""
    lines = list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
    reason = lines[-1][:_REASON_LENGTH] if lines else "its decoder does not say why"
    said = text.lower()
    if not job.source.exists():
        return Result(Failure.NO_SOURCE, str(job.source))
    if any(words in said for words in _MEMORY):
        return Result(Failure.TOO_MUCH_MEMORY, reason)
    if isinstance(job, SizeJob) and any(words in said for words in _ROOM):
        return Result(Failure.FULL, reason)
    return Result(Failure.UNDECODABLE, reason)
