"""The orientation in Exif, the only field that is needed to show a picture (Exif 3.0; TIFF 6.0, section 2)."""

import struct
from typing import Final

UPRIGHT: Final = 1
_ORIENTATION: Final = 0x0112
_SHORT: Final = 3
_MAX_ENTRIES: Final = 1000


def orientation(tiff: bytes) -> int:
    """Return the orientation, 1 to 8, in an Exif block; UPRIGHT when there is none.

    `tiff` begins with the block's TIFF header. The first valid entry is used, as in
    Chromium (tried with 156).
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return UPRIGHT
    try:
        (at,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, at)
        for number in range(min(entries, _MAX_ENTRIES)):
            tag, kind, count, value = struct.unpack_from(f"{order}HHIH", tiff, at + 2 + 12 * number)
            if (tag, kind, count) == (_ORIENTATION, _SHORT, 1) and 1 <= value <= 8:  # noqa: PLR2004
                return int(value)
    except struct.error:
        pass
    return UPRIGHT


def is_sideways(turned: int) -> bool:
    """Return whether a picture with this orientation is shown with width and height exchanged."""
    return turned >= 5  # noqa: PLR2004 — TIFF 6.0: in 5 to 8 the first row is a side of the picture


def orientation_alone(turned: int) -> bytes:
    """Return an Exif block with this orientation and nothing else; b"" for UPRIGHT."""
    if turned == UPRIGHT:
        return b""
    return struct.pack(">4sIHHHIHHI", b"MM\0*", 8, 1, _ORIENTATION, _SHORT, 1, turned, 0, 0)
