"""JPEG files made of the smallest pieces (ITU-T T.81)."""

import struct

from authsvc.imaging.jpeg.segments import MAX_SEGMENTS
from authsvc.imaging.limits import MAX_PROFILE_BYTES
from tests.support.imaging.hdr_pictures import ISO, XMP
from tests.support.imaging.real_pictures import saved, segment
from tests.support.imaging.worst.filling import Maker, filled, grown, profile

_PLAIN = saved("JPEG")
# With a segment, because a JPEG is recognised by the marker after the first one.
_START, _REST = _PLAIN[:2] + segment(0xFE, b""), _PLAIN[2:]
_SCAN, _END = _PLAIN[:-2], _PLAIN[-2:]
_MAX_CONTENT = 65_533
_EXIF = b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 5000) + struct.pack(">HHIHH", 0x0112, 3, 2, 6, 0) * 5000
_SEGMENTS = MAX_SEGMENTS - 20
"""Most segments besides those of a plain picture."""


def _between(piece: bytes, most: int | None = None) -> Maker:
    """Return files with pieces before the picture."""
    return filled(_START, piece, _REST, most=most)


def _in_scan(piece: bytes) -> Maker:
    return filled(_SCAN, piece, _END)


def _segments(marker: int, content: bytes) -> Maker:
    """Return files with as many segments as are accepted, each filled up with this content."""

    def one(size: int) -> bytes:
        length = min(max(size - 4, 40), _MAX_CONTENT)
        return segment(marker, content.ljust(length, b"\0")[:length])

    return grown(_START, one, _REST, count=_SEGMENTS)


def _with_profile(size: int) -> bytes:
    """Return a file with one profile of the maximum length."""
    content = profile(min(size, MAX_PROFILE_BYTES - 2**13))
    parts = [content[at : at + 65_000] for at in range(0, len(content), 65_000)]
    return (
        _START
        + b"".join(
            segment(0xE2, b"ICC_PROFILE\0" + bytes((number, len(parts))) + part) for number, part in enumerate(parts, 1)
        )
        + _REST
    )


def multi_picture(*others: bytes) -> bytes:
    """Return a picture followed by others, which its index lists."""
    index = 10 + 12 + 16 * len(others)
    first = len(_PLAIN) + 8 + index
    header = b"MM\0*" + struct.pack(">IH", 8, 1) + struct.pack(">HHII", 0xB002, 7, 16 * len(others), 22)
    entries, at = b"", first - 2 - 4 - 4
    for other in others:
        entries += struct.pack(">IIIHH", 0, len(other), at, 0, 0)
        at += len(other)
    return _PLAIN[:2] + segment(0xE2, b"MPF\0" + header + entries) + _REST + b"".join(others)


def _pictures(piece: Maker) -> Maker:
    """Return files with the most further pictures."""
    return lambda size: multi_picture(*[piece(size // 8)] * 8)


def _gain_maps(xmp: bytes) -> Maker:
    """Return files in which the last of the most further pictures is a gain map, and all have XMP like it."""
    content = (XMP + b"http://ns.adobe.com/hdr-gain-map/1.0/" + xmp * 6000)[:_MAX_CONTENT]
    return _pictures(filled(_START, segment(0xE1, content), _REST, most=_SEGMENTS))


def _gain_map_with_iso(size: int) -> bytes:
    return multi_picture(_segments(0xE2, ISO)(size))


FILES: dict[str, Maker] = {
    "fill bytes": _between(b"\xff"),
    "zeros between segments": _between(b"\0"),
    "stuffed zeros between segments": _between(b"\xff\0"),
    "fill bytes after the scan": _in_scan(b"\xff"),
    "fill bytes before many markers": grown(_START, lambda size: b"\xff" * size + b"\1", _REST, count=_SEGMENTS),
    "stuffed zeros in a scan": _in_scan(b"\xff\0"),
    "restart markers": _in_scan(b"\xff\xd0"),
    "markers without a segment": _between(b"\xff\1"),
    "markers without a segment, as many as accepted": _between(b"\xff\1", _SEGMENTS),
    "empty comments": _between(segment(0xFE, b"")),
    "comments": _segments(0xFE, b""),
    "headers of JFIF": _segments(0xE0, b"JFIF\0"),
    "headers of Adobe": _segments(0xEE, b"Adobe"),
    "Exif with many entries": _segments(0xE1, _EXIF),
    "parts of profiles": _segments(0xE2, b"ICC_PROFILE\0\1\1"),
    "tags of a profile": _with_profile,
    "Huffman tables": _segments(0xC4, b""),
    "empty scans": filled(_SCAN, segment(0xDA, b""), _END),
    "further pictures of comments": _pictures(filled(_START, segment(0xFE, bytes(1000)), _REST, most=_SEGMENTS)),
    "further pictures of fill bytes": _pictures(_between(b"\xff")),
    "XMP of spaces": _gain_maps(b"hdrgm:Version" + b" " * 2000),
    "XMP of elements": _gain_maps(b"<hdrgm:Gamma>" + b"1" * 40),
    "XMP of attributes": _gain_maps(b"hdrgm:Version='1'"),
    "XMP of lists": _gain_maps(b"<hdrgm:Gamma><rdf:Seq>" + b"<rdf:li>1</rdf:li> " * 3),
    "segments of ISO 21496-1": _gain_map_with_iso,
}
