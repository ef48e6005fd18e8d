"""Photographs with a gain map and private data, as phones write them."""

import struct

from tests.support.imaging.private_pictures import SECRET, exif
from tests.support.imaging.real_pictures import saved, segment

XMP = b"http://ns.adobe.com/xap/1.0/\0"
ISO = b"urn:iso:std:iso:ts:21496:-1\0"
MAP_XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" Secret="yes" hdrgm:Version="1.0" '
    b'hdrgm:GainMapMax="2.5" hdrgm:HDRCapacityMax="2.5" hdrgm:BaseRenditionIsHDR="False">'
    b"<hdrgm:GainMapMin><rdf:Seq><rdf:li>-0.5</rdf:li><rdf:li>0.0</rdf:li><rdf:li>0.25</rdf:li></rdf:Seq>"
    b"</hdrgm:GainMapMin><dc:creator>Secret</dc:creator></rdf:Description></rdf:RDF></x:xmpmeta>"
)


def mpf(first: int, offset: int, size: int, order: str = ">") -> bytes:
    """Return a Multi-Picture segment's payload, with the private tags that cameras add."""
    header = (b"MM\0*" if order == ">" else b"II*\0") + struct.pack(f"{order}I", 8)
    tags = struct.pack(f"{order}H", 4)
    tags += struct.pack(f"{order}HHI4s", 0xB000, 7, 4, b"0100")
    tags += struct.pack(f"{order}HHII", 0xB001, 4, 1, 2)
    tags += struct.pack(f"{order}HHII", 0xB002, 7, 32, 62)
    tags += struct.pack(f"{order}HHII", 0xB003, 7, 6, 94)
    tags += struct.pack(f"{order}I", 0)
    entries = struct.pack(f"{order}IIIHH", 0x030000, first, 0, 0, 0)
    entries += struct.pack(f"{order}IIIHH", 0, size, offset, 0, 0)
    return b"MPF\0" + header + tags + entries + SECRET


def ultra_hdr(*, xmp: bytes = MAP_XMP, iso: bytes = b"", order: str = ">", orientation: int = 6) -> bytes:
    """Return a photograph with its gain map, as a phone writes it."""
    marks = (segment(0xE1, XMP + xmp) if xmp else b"") + (segment(0xE2, ISO + iso) if iso else b"")
    other = saved("JPEG", "L", (20, 10))
    gain_map = other[:2] + segment(0xE1, b"Exif\0\0" + exif()) + marks + segment(0xFE, SECRET) + other[2:]
    plain = saved("JPEG")
    own = segment(0xE1, b"Exif\0\0" + exif(orientation))
    if xmp:
        about = (
            b'<x xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0" Item:Length="%d">Secret</x>'
        )
        own += segment(0xE1, XMP + about % len(gain_map))
    if iso:
        own += segment(0xE2, ISO + b"\0\0\0\0")
    before = len(plain[:2] + own)
    size = len(segment(0xE2, mpf(0, 0, 0)))
    first = len(plain) + len(own) + size
    own += segment(0xE2, mpf(first, first - before - 8, len(gain_map), order))
    return plain[:2] + own + plain[2:] + gain_map + b"Secret after it"


KINDS = {
    "Ultra HDR": ultra_hdr(),
    "Ultra HDR, little-endian": ultra_hdr(order="<"),
    "ISO 21496-1": ultra_hdr(xmp=b"", iso=b"\0\0\0\0params"),
    "both": ultra_hdr(iso=b"\0\0\0\0params"),
    "upright": ultra_hdr(orientation=1),
}
"""Photographs, by the standard of their gain map."""
