"""HDR gain maps: a second picture behind a JPEG, by which screens that can brighten the first.

Which picture it is says the Multi-Picture Format (CIPA DC-007); that it is a
gain map, and how it is meant, says its own XMP (Ultra HDR 1.1) or its segment of
ISO 21496-1. All of that is rewritten with nothing but these facts.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap
from typing import Final

from authsvc.errors import AnswerError
from authsvc.imaging.jpeg.profile import profile_of
from authsvc.imaging.jpeg.segments import stripped_segment
from authsvc.imaging.jpeg.walk import Jpeg, Segment, app_segment, begins, first_of, walk_jpeg
from authsvc.imaging.limits import Limits
from authsvc.imaging.pieces import Piece, joined, length, reused

_APP1, _APP2 = 0xE1, 0xE2
_MPF: Final = b"MPF\0"
_XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"
_ISO: Final = b"urn:iso:std:iso:ts:21496:-1\0"
_ISO_BYTES: Final = 4 + 1 + 16 + 3 * 40
"""The most of ISO 21496-1: versions, flags, two headrooms, five fractions for each of three channels."""
_NAMESPACE: Final = b"http://ns.adobe.com/hdr-gain-map/1.0/"
_MP_ENTRIES: Final = 0xB002
_MAX_PICTURES: Final = 8
_MAX_TAGS: Final = 32
_ENTRY: Final = "IIIHH"
_PRIMARY: Final = 0x030000
"""Attributes of an entry that is the baseline primary picture; 0 says nothing of the other (5.2.3.3.1)."""

_UNDEFINED: Final = 7
_LONG: Final = 4
_INDEX_BYTES: Final = 50
"""Of the index before the entries: a TIFF header and three tags."""

_XMP_BEGIN: Final = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
)
_XMP_END: Final = b"</rdf:RDF></x:xmpmeta>"
_NUMBER: Final = rb"[-+]?[0-9.]{1,32}(?:[eE][-+]?[0-9]{1,4})?"
_FACT: Final = (
    rb"hdrgm:(Version|GainMapMin|GainMapMax|Gamma|OffsetSDR|OffsetHDR|HDRCapacityMin|HDRCapacityMax|BaseRenditionIsHDR)"
)
_VALUE: Final = rb"(" + _NUMBER + rb"|True|False)"
# `hdrgm:Gamma="1.0"`, or the same as an element, or a list of three for the three channels.
_ATTRIBUTE: Final = re.compile(_FACT + rb"""\s*=\s*["']""" + _VALUE + rb"""["']""")
_ELEMENT: Final = re.compile(rb"<" + _FACT + rb">\s*" + _VALUE + rb"\s*</hdrgm:")
_LIST: Final = re.compile(
    rb"<hdrgm:(GainMapMin|GainMapMax|Gamma|OffsetSDR|OffsetHDR)>\s*<rdf:Seq>((?:\s*<rdf:li>"
    + _NUMBER
    + rb"</rdf:li>){1,3})\s*</rdf:Seq>"
)
_ITEM: Final = re.compile(rb"<rdf:li>(" + _NUMBER + rb")</rdf:li>")
_UNLIMITED: Final = Limits(
    max_side=65_535,
    max_pixels=2**32,
    max_buffered_pixels=2**32,
    max_scans=1000,
    max_frames=1,
    max_animation_pixels=1,
)


@dataclass(frozen=True, slots=True)
class GainMap:
    """A gain map without metadata, and the segments of the first picture that tell of it.

    `pieces` are the second picture; `mpf` and `xmp` are to be replaced by
    `mpf_segment` and `primary_xmp`, `iso` stay as they are.
    """

    pieces: tuple[Piece, ...]
    mpf: Segment
    xmp: Segment | None
    iso: tuple[Segment, ...]

    def primary_xmp(self) -> bytes:
        """Return the segment that says where the gain map is, and nothing else."""
        return app_segment(_APP1, _XMP + _primary_xmp(length(self.pieces)))

    def mpf_segment(self, *, first: int, before: int) -> bytes:
        """Return the Multi-Picture segment (CIPA DC-007, 5.2), always of the same length.

        `first` is the length of the first picture in bytes, `before` that of what
        stands before this segment.
        """
        # It counts from the TIFF header behind the segment's name.
        offset = max(first - before - 4 - len(_MPF), 0)
        index = struct.pack(
            ">4sIHHHI4sHHIIHHIII",
            *(b"MM\0*", 8, 3),
            *(0xB000, _UNDEFINED, 4, b"0100"),
            *(0xB001, _LONG, 1, 2),
            *(_MP_ENTRIES, _UNDEFINED, 2 * struct.calcsize(_ENTRY), _INDEX_BYTES),
            0,
        )
        entries = struct.pack(f">{_ENTRY}", _PRIMARY, first, 0, 0, 0)
        entries += struct.pack(f">{_ENTRY}", 0, length(self.pieces), offset, 0, 0)
        return app_segment(_APP2, _MPF + index + entries)


def declared_end(data: bytes | mmap, jpeg: Jpeg) -> int:
    """Return where the last picture ends that the first declares, without a gap but for zeros before each."""
    end = jpeg.segments[-1].end
    mpf = first_of(data, jpeg, _APP2, _MPF)
    for start, stop in _pictures(data, jpeg, mpf) if mpf else ():
        inner = _walked(data[start:stop])
        if inner is None or data[end:start].strip(b"\0"):
            break
        end = start + inner.segments[-1].end
    return end


def find_gain_map(data: bytes | mmap, jpeg: Jpeg) -> GainMap | None:
    """Return the picture's gain map, None without one."""
    mpf = first_of(data, jpeg, _APP2, _MPF)
    if mpf is None:
        return None
    xmp = first_of(data, jpeg, _APP1, _XMP)
    if xmp is not None and _NAMESPACE not in _payload(data, xmp):
        xmp = None
    iso = tuple(segment for segment in jpeg.segments if begins(data, segment, _APP2, _ISO))
    for start, stop in _pictures(data, jpeg, mpf):
        if pieces := _map_pieces(data, start, stop):
            return GainMap(tuple(pieces), mpf, xmp, iso)
    return None


def _pictures(data: bytes | mmap, jpeg: Jpeg, mpf: Segment) -> Iterator[tuple[int, int]]:
    """Yield where each further picture begins and ends: JPEGs within the file, each behind the one before."""
    end = jpeg.segments[-1].end
    for start, stop in sorted(_entries(data, mpf)):
        # None twice, so that a look into each of them is one through the file.
        if end <= start < stop <= len(data) and data[start : start + 3] == b"\xff\xd8\xff":
            yield start, stop
            end = stop


def _entries(data: bytes | mmap, mpf: Segment) -> Iterator[tuple[int, int]]:
    """Yield where each further picture begins and ends, as the index says."""
    header = mpf.start + 4 + len(_MPF)
    block = data[header : mpf.end]
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        return
    try:
        (at,) = struct.unpack_from(f"{order}I", block, 4)
        (tags,) = struct.unpack_from(f"{order}H", block, at)
        for number in range(min(tags, _MAX_TAGS)):
            tag, _, count, place = struct.unpack_from(f"{order}HHII", block, at + 2 + 12 * number)
            if tag == _MP_ENTRIES:
                for picture in range(min(count // struct.calcsize(_ENTRY), _MAX_PICTURES)):
                    entry = struct.unpack_from(f"{order}{_ENTRY}", block, place + picture * struct.calcsize(_ENTRY))
                    start = header + entry[2]
                    if entry[2]:
                        yield start, start + entry[1]
                return
    except struct.error:
        return


def _map_pieces(data: bytes | mmap, start: int, stop: int) -> list[Piece]:
    """Return a gain map as it is without metadata; nothing when the picture is none."""
    content = data[start:stop]
    inner = _walked(content)
    if inner is None:
        return []
    own_xmp = first_of(content, inner, _APP1, _XMP)
    said = _map_xmp(_payload(content, own_xmp)) if own_xmp else b""
    if not said and first_of(content, inner, _APP2, _ISO) is None:
        return []
    pieces: list[Piece] = []
    profile = profile_of(content, inner)
    for segment in inner.segments:
        if segment is own_xmp and said:
            kept = reused(content, segment.start, app_segment(_APP1, _XMP + said))
        elif begins(content, segment, _APP2, _ISO):
            kept = iso_alone(content, segment)
        else:
            kept = profile[segment] if segment in profile else stripped_segment(content, segment)
        pieces.append(range(start + kept.start, start + kept.stop) if isinstance(kept, range) else kept)
    return joined(pieces)


def iso_alone(data: bytes | mmap, segment: Segment) -> Piece:
    """Return a segment of ISO 21496-1 with no more than it may hold."""
    return reused(data, segment.start, app_segment(_APP2, _payload(data, segment)[: len(_ISO) + _ISO_BYTES]))


def _walked(content: bytes) -> Jpeg | None:
    """Return the structure of a further picture, None when it is no JPEG."""
    try:
        return walk_jpeg(content, _UNLIMITED)
    except AnswerError:
        return None


def _payload(data: bytes | mmap, segment: Segment) -> bytes:
    return bytes(data[segment.start + 4 : segment.end])


def _primary_xmp(size: int) -> bytes:
    return (
        _XMP_BEGIN + b'<rdf:Description xmlns:hdrgm="' + _NAMESPACE + b'" '
        b'xmlns:Container="http://ns.google.com/photos/1.0/container/" '
        b'xmlns:Item="http://ns.google.com/photos/1.0/container/item/" hdrgm:Version="1.0">'
        b"<Container:Directory><rdf:Seq>"
        b'<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary" Item:Mime="image/jpeg"/></rdf:li>'
        b'<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg" '
        b'Item:Length="%d"/></rdf:li>'
        b"</rdf:Seq></Container:Directory></rdf:Description>" % size + _XMP_END
    )


def _map_xmp(said: bytes) -> bytes:
    """Return the least XMP that says of a gain map what its own says, b"" when that is no gain map's."""
    attributes = dict(_ELEMENT.findall(said) + _ATTRIBUTE.findall(said)) if _NAMESPACE in said else {}
    if b"Version" not in attributes:
        return b""
    lists = {name: _ITEM.findall(items) for name, items in _LIST.findall(said)}
    return b"".join(
        (
            _XMP_BEGIN + b'<rdf:Description xmlns:hdrgm="' + _NAMESPACE + b'"',
            *(b' hdrgm:%s="%s"' % item for item in attributes.items()),
            b">",
            *(_list_xml(name, items) for name, items in lists.items()),
            b"</rdf:Description>" + _XMP_END,
        )
    )


def _list_xml(name: bytes, items: list[bytes]) -> bytes:
    inner = b"".join(b"<rdf:li>%s</rdf:li>" % item for item in items)
    return b"<hdrgm:%s><rdf:Seq>%s</rdf:Seq></hdrgm:%s>" % (name, inner, name)
