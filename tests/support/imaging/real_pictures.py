"""Real pictures of every accepted type, with all variants of their headers."""

import io
import struct
import zlib
from collections.abc import Iterator

from PIL import Image, ImageOps

from authsvc.model import ImageType

SIZE = (73, 41)
"""Width and height of every picture here as it is shown: different, so that an exchange is noticed."""


def saved(kind: str, mode: str = "RGB", size: tuple[int, int] = SIZE, **options: object) -> bytes:
    """Return a picture file as Pillow writes it."""
    image = Image.linear_gradient("L").resize(size).convert(mode)
    if mode.endswith("A"):
        image.putalpha(Image.radial_gradient("L").resize(size))
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def opened_size(content: bytes) -> tuple[int, int]:
    """Return the size that Pillow decodes."""
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        return image.size


def shown_size(content: bytes) -> tuple[int, int]:
    """Return the size that browsers show: they apply the orientation of a JPEG."""
    with Image.open(io.BytesIO(content)) as image:
        return ImageOps.exif_transpose(image).size if image.format == "JPEG" else image.size


def jpeg_with(segments: bytes) -> bytes:
    """Return a JPEG with more segments directly after its first marker."""
    plain = saved("JPEG")
    return plain[:2] + segments + plain[2:]


def segment(marker: int, content: bytes) -> bytes:
    """Return a JPEG segment."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def interlaced_png() -> bytes:
    """Return an Adam7 PNG (PNG, Third Edition, section 8.1), which Pillow does not write."""
    width, height = SIZE
    rows = bytearray()
    for x, y, right, down in (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ):
        for row in range(y, height, down):
            rows += b"\0" + bytes(row for _ in range(x, width, right))
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 1),
        b"IDAT": zlib.compress(bytes(rows)),
        b"IEND": b"",
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks.items()
    )


def smallest_webp() -> bytes:
    """Return a lossless WebP of 28 bytes with one black pixel."""
    bits = [(0x2F, 8), (0, 14), (0, 14), (0, 1), (0, 3), (0, 3), *[(0b0001, 4)] * 5]
    value = position = 0
    for number, length in bits:
        value |= number << position
        position += length
    content = value.to_bytes(8, "little")
    return b"RIFF" + struct.pack("<I", 12 + len(content)) + b"WEBPVP8L" + struct.pack("<I", len(content)) + content


def _jpegs() -> Iterator[tuple[str, bytes]]:
    inner = saved("JPEG", size=(9, 9))
    yield "baseline", saved("JPEG")
    yield "progressive", saved("JPEG", progressive=True)
    yield "grey", saved("JPEG", "L")
    yield "CMYK", saved("JPEG", "CMYK")
    yield "restart markers", saved("JPEG", restart_marker_blocks=1)
    yield "no chroma subsampling", saved("JPEG", subsampling=0)
    yield "comment", saved("JPEG", comment=b"\xff\xc0 looks like a frame" * 99)
    yield "60 KB of EXIF", jpeg_with(segment(0xE1, b"Exif\0\0" + bytes(60_000)))
    yield "thumbnail inside EXIF", jpeg_with(segment(0xE1, b"Exif\0\0" + inner))
    yield "profile in four segments", saved("JPEG", icc_profile=bytes(200_000))
    yield "every application segment", jpeg_with(b"".join(segment(0xE0 + n, bytes(n)) for n in range(16)))
    yield "320 segments", jpeg_with(segment(0xE2, bytes(65_533)) * 20 + segment(0xE2, b"") * 300)
    yield "fill bytes", jpeg_with(b"\xff" * 5 + segment(0xFE, b"") + b"\xff" * 3)
    yield "turned", saved("JPEG", size=SIZE[::-1], exif=_exif())


def _pngs() -> Iterator[tuple[str, bytes]]:
    yield "one bit", saved("PNG", "1")
    yield "palette", saved("PNG", "P")
    yield "palette of two bits", saved("PNG", "P", bits=2)
    yield "grey", saved("PNG", "L")
    yield "grey and alpha", saved("PNG", "LA")
    yield "16 bits", saved("PNG", "I;16")
    yield "colour", saved("PNG", "RGB")
    yield "colour and alpha", saved("PNG", "RGBA")
    yield "interlaced", interlaced_png()
    yield "animated", saved("PNG", save_all=True, append_images=frames())


def _gifs() -> Iterator[tuple[str, bytes]]:
    yield "87a", saved("GIF", "P")
    yield "89a", saved("GIF", "P", comment=b"a comment")
    yield "not interlaced", saved("GIF", "P", interlace=0)
    yield "animated", saved("GIF", save_all=True, append_images=frames(), loop=0)


def _webps() -> Iterator[tuple[str, bytes]]:
    yield "lossy", saved("WEBP")
    yield "lossless", saved("WEBP", lossless=True)
    yield "lossy with alpha", saved("WEBP", "RGBA", exact=True)
    yield "lossless with alpha", saved("WEBP", "RGBA", lossless=True)
    yield "EXIF", saved("WEBP", exif=_exif())
    yield "profile", saved("WEBP", lossless=True, icc_profile=bytes(5000))
    yield "animated", saved("WEBP", save_all=True, append_images=frames())


def _avifs() -> Iterator[tuple[str, bytes]]:
    yield "colour", saved("AVIF")
    yield "grey", saved("AVIF", "L", subsampling="4:0:0")
    yield "no chroma subsampling", saved("AVIF", subsampling="4:4:4")
    yield "alpha", saved("AVIF", "RGBA")
    yield "several tiles", saved("AVIF", tile_rows=1, tile_cols=1)
    yield "EXIF", saved("AVIF", exif=_exif("x" * 60_000, orientation=1))
    yield "profile", saved("AVIF", icc_profile=bytes(5000))
    yield "animated", saved("AVIF", save_all=True, append_images=frames())


def frames() -> list[Image.Image]:
    return [Image.new("RGB", SIZE, shade) for shade in ("red", "green", "blue")]


def _exif(software: str = "", *, orientation: int = 6) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation  # 6: to be shown turned by 90 degrees
    exif[0x0131] = software
    return exif.tobytes()


def by_name(
    *variants: tuple[ImageType, Iterator[tuple[str, bytes]]],
) -> dict[str, tuple[ImageType, bytes]]:
    """Return pictures with their types, by a name in words."""
    return {f"{kind.name}, {name}": (kind, content) for kind, made in variants for name, content in made}


PICTURES = by_name(
    (ImageType.JPEG, _jpegs()),
    (ImageType.PNG, _pngs()),
    (ImageType.GIF, _gifs()),
    (ImageType.WEBP, _webps()),
    (ImageType.AVIF, _avifs()),
)
"""Every picture with its type."""
