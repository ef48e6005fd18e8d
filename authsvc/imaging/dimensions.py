"""Read width and height from an image file's header, without decoding it."""

import os
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

from authsvc.errors import Corrupt
from authsvc.imaging.exif import UPRIGHT, is_sideways, orientation
from authsvc.imaging.gif.walk import EXTENSION, IMAGE, behind_table
from authsvc.model import ImageType

_MAX_JPEG_SEGMENTS: Final = 2000
"""A 20 MB ICC profile or EXIF takes 320 segments; more is an attack on our time."""
_MAX_AVIF_META_BYTES: Final = 2**20
_MAX_BOXES: Final = 1000
_MAX_FILL_BYTES: Final = 2**13

# SOF0 to SOF15 without DHT, JPG and DAC: ITU-T T.81 table B.1.
_JPEG_FRAME_MARKERS: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Markers that stand alone, without a length: TEM and RST0 to RST7.
_JPEG_BARE_MARKERS: Final = frozenset({0x01, *range(0xD0, 0xD8)})
_JPEG_EXIF_MARKER: Final = 0xE1
_EXIF: Final = b"Exif\0"
_EXIF_BYTES: Final = 6
_MAX_EXIF_BYTES: Final = 2**20
_MAX_PNG_CHUNKS: Final = 1000
_PNG_HEADER_END: Final = 33
_JPEG_SCAN_MARKERS: Final = frozenset({0xD9, 0xDA})


def read_dimensions(file: BinaryIO, kind: ImageType) -> tuple[int, int]:
    """Return width and height in pixels as the header of `file` says.

    `file` is read from its start. They are those of the picture as it is shown: a
    JPEG, PNG or AVIF that lies on its side has them exchanged. Raises
    Corrupt when the header ends early, makes no sense or names zero pixels.
    """
    file.seek(0)
    try:
        width, height = _READERS[kind](file)
    except (struct.error, ValueError, EOFError) as error:
        raise Corrupt(kind=kind.name, reason=str(error) or "it ends too early") from error
    if not width or not height:
        raise Corrupt(kind=kind.name, reason=f"it says {width} x {height} pixels")
    return width, height


def _read(file: BinaryIO, count: int) -> bytes:
    got = file.read(count)
    if len(got) < count:
        msg = "it ends too early"
        raise EOFError(msg)
    return got


def _jpeg(file: BinaryIO) -> tuple[int, int]:
    _read(file, 2)
    turned: int | None = None
    for _ in range(_MAX_JPEG_SEGMENTS):
        marker = _next_jpeg_marker(file)
        if marker in _JPEG_BARE_MARKERS:
            continue
        if marker in _JPEG_SCAN_MARKERS:
            break
        (length,) = struct.unpack(">H", _read(file, 2))
        if marker in _JPEG_FRAME_MARKERS:
            height, width = struct.unpack(">xHH", _read(file, 5))
            return (height, width) if is_sideways(turned or UPRIGHT) else (width, height)
        if marker == _JPEG_EXIF_MARKER and turned is None:
            start = file.tell()
            payload = file.read(max(length - 2, 0))
            if payload.startswith(_EXIF):
                turned = orientation(payload[_EXIF_BYTES:])
            file.seek(start)
        file.seek(max(length - 2, 0), os.SEEK_CUR)
    msg = "it has no frame header before the first scan"
    raise ValueError(msg)


def _next_jpeg_marker(file: BinaryIO) -> int:
    """Return the next marker code; as libjpeg does, pass over fill bytes (B.1.1.2) and anything else before it."""
    before = 0
    for _ in range(_MAX_FILL_BYTES):
        found = _read(file, 1)[0]
        if before == 0xFF and found not in {0, 0xFF}:  # noqa: PLR2004 — what begins a marker
            return found
        before = found
    msg = f"it has no marker in {_MAX_FILL_BYTES} bytes"
    raise ValueError(msg)


def _png(file: BinaryIO) -> tuple[int, int]:
    head = _read(file, 24)
    if head[12:16] != b"IHDR":
        msg = "its first chunk is not IHDR"
        raise ValueError(msg)
    width, height = struct.unpack(">II", head[16:])
    file.seek(_PNG_HEADER_END)
    return (height, width) if is_sideways(_png_orientation(file)) else (width, height)


def _png_orientation(file: BinaryIO) -> int:
    """Return the orientation that a chunk between header and picture data says: see `png_strip.png_orientation`."""
    for _ in range(_MAX_PNG_CHUNKS):
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IDAT":  # noqa: PLR2004 — a length and a name
            break
        length = int.from_bytes(head[:4], "big")
        if head[4:] == b"eXIf":
            return orientation(file.read(min(length, _MAX_EXIF_BYTES)))
        file.seek(length + 4, os.SEEK_CUR)
    return UPRIGHT


def _gif(file: BinaryIO) -> tuple[int, int]:
    """Return the screen's size, enlarged by the first frame: see `imaging.gif.Gif`."""
    width, height, flags = struct.unpack("<6xHHBxx", _read(file, 13))
    file.seek(behind_table(13, flags))
    while (kind := _read(file, 1)[0]) == EXTENSION:
        _read(file, 1)
        while length := _read(file, 1)[0]:
            file.seek(length, os.SEEK_CUR)
    if kind == IMAGE:
        left, top, *frame = struct.unpack("<HHHH", _read(file, 8))
        width, height = max(width, left + frame[0]), max(height, top + frame[1])
    return width, height


def _webp(file: BinaryIO) -> tuple[int, int]:
    head = _read(file, 25)  # a lossless picture of few colours is hardly longer
    chunk = head[12:16]
    if chunk == b"VP8L" and head[20] == 0x2F:  # noqa: PLR2004 — its signature; 14 bits each, less one
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    head += _read(file, 5)
    if chunk == b"VP8X":  # RFC 9649 section 2.7: 24 bits each, less one
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if chunk == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":  # RFC 6386 section 9.1: 14 bits each
        width, height = struct.unpack("<HH", head[26:30])
        return width & 0x3FFF, height & 0x3FFF
    msg = "it holds no VP8, VP8L or VP8X chunk"
    raise ValueError(msg)


def _avif(file: BinaryIO) -> tuple[int, int]:
    """Return the largest ImageSpatialExtents property (ISO/IEC 23008-12 6.5.3).

    A picture made of tiles has one for the whole and one for the tiles, an
    alpha plane or a gain map at most the size of the picture. What turns it (irot,
    6.5.10) is said once for all of them.
    """
    meta = _avif_meta(file)
    lists = [box for container in _boxes(meta[4:], b"iprp") for box in _boxes(container, b"ipco")]
    sizes = [struct.unpack(">4xII", box[:12]) for properties in lists for box in _boxes(properties, b"ispe")]
    turns = [box[0] for properties in lists for box in _boxes(properties, b"irot") if box]
    if not sizes:
        msg = "it has no image size property"
        raise ValueError(msg)
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    return (height, width) if turns and turns[0] % 2 else (width, height)


def _avif_meta(file: BinaryIO) -> bytes:
    for _ in range(_MAX_BOXES):
        size, name = struct.unpack(">I4s", _read(file, 8))
        header = 8
        if size == 1:
            (size,) = struct.unpack(">Q", _read(file, 8))
            header = 16
        if name == b"meta" and header < size <= _MAX_AVIF_META_BYTES:
            return _read(file, size - header)
        if size < header or size > 2**40:
            break
        file.seek(size - header, os.SEEK_CUR)
    msg = "it has no meta box"
    raise ValueError(msg)


def _boxes(container: bytes, wanted: bytes) -> Iterator[bytes]:
    """Yield the contents of the boxes called `wanted` directly in `container`."""
    at = 0
    while at + 8 <= len(container):
        size, name = struct.unpack_from(">I4s", container, at)
        if size < 8:  # noqa: PLR2004 — a box is at least its header; 0 and 1 do not occur inside meta
            return
        if name == wanted:
            yield container[at + 8 : at + size]
        at += size


_READERS: Final[dict[ImageType, Callable[[BinaryIO], tuple[int, int]]]] = {
    ImageType.JPEG: _jpeg,
    ImageType.PNG: _png,
    ImageType.GIF: _gif,
    ImageType.WEBP: _webp,
    ImageType.AVIF: _avif,
}
