"""Remove the metadata of an AVIF file. It is overwritten in place, because the file refers to its data by offsets."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from mmap import mmap
from typing import Final

from authsvc.errors import Corrupt
from authsvc.imaging.avif.boxes import Box, boxes
from authsvc.imaging.avif.tracks import film_boxes
from authsvc.imaging.avif.walk import Avif
from authsvc.imaging.icc import without_device
from authsvc.imaging.limits import check_profile
from authsvc.imaging.pieces import Piece, joined, reused

_NEEDED_TO_SHOW: Final = frozenset({b"ftyp", b"meta", b"mdat", b"moov", b"moof", b"mfra", b"sidx"})
_METADATA: Final = frozenset({b"Exif", b"mime", b"uri "})
_XMP: Final = b"application/rdf+xml"
# Exif without entries, after the offset of its TIFF header: ISO/IEC 23008-12, annex A.2.1.
_NO_EXIF: Final = b"\0\0\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"
_METADATA_BOXES: Final = frozenset({b"udta", b"uuid", b"free", b"skip", b"xml ", b"bxml"})
# Properties: a description, the times of creation and change (ISO/IEC 23008-12, 6.5.20, 6.5.18, 6.5.19).
_METADATA_OF_ITEMS: Final = _METADATA_BOXES | {b"udes", b"crtt", b"mdft"}
_DATA: Final = frozenset({b"mdat", b"idat"})
_PROFILES: Final = frozenset({b"prof", b"rICC"})  # of a colr box: section 12.1.5
_TYPE_AT: Final = 4
_FULL_BYTES: Final = 4


def avif_orientation(_data: bytes | mmap, avif: Avif) -> int:
    """Return an orientation that exchanges width and height when the picture is shown turned by 90 degrees."""
    return 6 if avif.turns % 2 else 1


def strip_avif(data: bytes | mmap, avif: Avif) -> list[Piece]:
    """Return the file without metadata, of the same length except for bytes after its last box.

    Data that nothing shown refers to becomes zeros, too. Raises Corrupt when the metadata
    overlaps the picture or the boxes that describe it.
    """
    items = list(_items(avif))
    _check_inside(items, _data_places(data, avif))
    edits = {edit.place: edit for edit in chain(items, _metadata_boxes(data, avif))}
    shown = [place for place in _shown(avif) if place]
    # Before any content is made: together, overlapping places could be larger than memory.
    _check_apart(edits, shown)
    unused = [_Edit(place) for place in _unused(avif, [*edits, *shown])]
    pieces: list[Piece] = []
    at = 0
    for edit in sorted([*edits.values(), *unused], key=lambda edit: edit.place.start):
        pieces += [range(at, edit.place.start), reused(data, edit.place.start, edit.content())]
        at = edit.place.stop
    return joined([*pieces, range(at, avif.end)])


def without_trailer_avif(_data: bytes | mmap, avif: Avif) -> list[Piece]:
    """Return the file without what follows it."""
    return [range(avif.end)]


@dataclass(frozen=True, slots=True)
class _Edit:
    """A place in the file, not empty, and what to write there: `head`, then `fill` up to the end."""

    place: range
    head: bytes = b""
    fill: bytes = b"\0"

    def content(self) -> bytes:
        length = len(self.place)
        return self.head[:length].ljust(length, self.fill)


def _data_places(data: bytes | mmap, avif: Avif) -> list[range]:
    """Return the contents of all boxes of data, in the order of the file."""
    metas = (boxes(data, box.content + _FULL_BYTES, box.end) for box in avif.boxes if box.kind == b"meta")
    found = chain(avif.boxes, *metas)
    return sorted((range(box.content, box.end) for box in found if box.kind in _DATA), key=lambda place: place.start)


def _check_inside(edits: Iterable[_Edit], places: list[range]) -> None:
    """Refuse edits that are not within one of these places: they would overwrite other boxes."""
    starts = [place.start for place in places]
    for edit in edits:
        number = bisect_right(starts, edit.place.start) - 1
        if number < 0 or edit.place.stop > places[number].stop:
            raise Corrupt(kind="AVIF", reason="its metadata is outside its boxes of data")


def _check_apart(edits: Iterable[range], shown: Iterable[range]) -> None:
    """Refuse metadata that overlaps other metadata or the picture. Parts of the picture may overlap each other."""
    private = set(edits)
    end_private = end_shown = 0
    for place in sorted([*private, *shown], key=lambda place: (place.start, place.stop)):
        is_private = place in private
        if place.start < (max(end_private, end_shown) if is_private else end_private):
            raise Corrupt(kind="AVIF", reason="its metadata overlaps its picture")
        if is_private:
            end_private = place.stop
        else:
            end_shown = max(end_shown, place.stop)


def _unused(avif: Avif, used: Iterable[range]) -> Iterator[range]:
    """Yield the parts of the boxes of data that neither an item nor a frame uses.

    Metadata of a track may be there, or hidden data. A fragmented file (moof) keeps
    everything, because the places of its frames are not known.
    """
    if any(box.kind == b"moof" for box in avif.boxes):
        return
    others = (range(box.start, box.content if box.kind == b"mdat" else box.end) for box in avif.boxes)
    at = 0
    for place in sorted([*used, *others, range(avif.end, avif.end)], key=lambda place: place.start):
        if at < place.start:
            yield range(at, place.start)
        at = max(at, place.stop)


def _shown(avif: Avif) -> Iterator[range]:
    """Yield where pictures and frames are."""
    for item in avif.items.by_number.values():
        if item.kind not in _METADATA:
            yield from item.extents
    for track in avif.tracks:
        yield from track.samples


def _items(avif: Avif) -> Iterator[_Edit]:
    """Yield the edits that empty the items with metadata: Exif, XMP and others.

    They keep a valid form, because libavif refuses a picture whose Exif is invalid.
    """
    for item in avif.items.by_number.values():
        if item.kind in _METADATA:
            head = _NO_EXIF if item.kind == b"Exif" else b""
            for place in filter(len, item.extents):
                yield _Edit(place, head, b" " if item.media_type == _XMP else b"\0")
                head = head[len(place) :]


def _metadata_boxes(data: bytes | mmap, avif: Avif) -> Iterator[_Edit]:
    """Yield the edits that empty boxes with metadata: outer ones, those of items, those of tracks."""
    for box in avif.boxes:
        if box.kind not in _NEEDED_TO_SHOW:
            yield from _emptied(box)
        elif box.kind == b"moov":
            yield from _of_tracks(data, box)
        elif box.kind == b"meta":
            yield from _of_items(data, box)


def _of_tracks(data: bytes | mmap, moov: Box) -> Iterator[_Edit]:
    inner = list(film_boxes(data, moov))
    tracks = (film_boxes(data, box) for box in inner if box.kind == b"trak")
    for box in chain(inner, *tracks):
        if box.kind in _METADATA_BOXES or box.kind == b"meta":
            yield from _emptied(box)


def _of_items(data: bytes | mmap, meta: Box) -> Iterator[_Edit]:
    inner = list(boxes(data, meta.content + _FULL_BYTES, meta.end))
    lists = [box for outer in inner if outer.kind == b"iprp" for box in boxes(data, outer.content, outer.end)]
    properties = [each for box in lists if box.kind == b"ipco" for each in boxes(data, box.content, box.end)]
    for box in chain(inner, properties):
        if box.kind in _METADATA_OF_ITEMS:
            yield from _emptied(box)
    yield from _profiles(data, properties)


def _profiles(data: bytes | mmap, properties: Iterable[Box]) -> Iterator[_Edit]:
    """Yield the edits that clean colour profiles. Raises Bomb for too many bytes of them."""
    colours = (box for box in properties if box.kind == b"colr")
    places = [range(box.content + 4, box.end) for box in colours if data[box.content : box.content + 4] in _PROFILES]
    check_profile(sum(map(len, places)))
    for place in filter(len, places):
        yield _Edit(place, without_device(bytes(data[place.start : place.stop])))


def _emptied(box: Box) -> Iterator[_Edit]:
    """Yield the edits that make a box a free one, which decoders ignore (ISO/IEC 14496-12 section 8.1.2)."""
    yield _Edit(range(box.start + _TYPE_AT, box.start + _TYPE_AT + 4), head=b"free")
    if box.content < box.end:
        yield _Edit(range(box.content, box.end))
