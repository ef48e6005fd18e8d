"""Leave of an AVIF file what a decoder shows. Nothing moves: what goes is overwritten, because places are numbers."""

from collections.abc import Iterator, Sequence
from itertools import chain
from mmap import mmap
from typing import Final

from authsvc.errors import Corrupt
from authsvc.imaging.avif import Avif
from authsvc.imaging.isobmff import Box, boxes
from authsvc.imaging.pieces import Piece, joined, reused

_SHOWN: Final = frozenset({b"ftyp", b"meta", b"mdat", b"moov", b"moof", b"mfra", b"sidx"})
_METADATA: Final = frozenset({b"Exif", b"mime", b"uri "})
_XMP: Final = b"application/rdf+xml"
# Without an entry, from the header that says how far behind it the block begins: ISO/IEC 23008-12, annex A.2.1.
_NO_EXIF: Final = b"\0\0\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"
_TYPE_AT: Final = 4


def avif_orientation(_data: bytes | mmap, avif: Avif) -> int:
    """Return an orientation, 1 to 8, that is as sideways as the picture is shown."""
    return 6 if avif.turns % 2 else 1


def strip_avif(data: bytes | mmap, avif: Avif) -> list[Piece]:
    """Return the file without metadata, as long as before but for what followed its last box.

    Raises Corrupt when its metadata lies where its picture lies.
    """
    edits = dict(chain(_items(avif), _boxes(data, avif)))
    shown = [place for place in _shown(avif) if place]
    pieces: list[Piece] = []
    at = behind_shown = 0
    for place in sorted([*edits, *shown], key=lambda place: (place.start, place.stop)):
        if place.start < (max(at, behind_shown) if place in edits else at):
            raise Corrupt(kind="AVIF", reason="its metadata lies within its picture")
        if place in edits:
            pieces += [range(at, place.start), reused(data, place.start, edits[place])]
            at = place.stop
        else:
            behind_shown = max(behind_shown, place.stop)
    return joined([*pieces, range(at, avif.end)])


def cut_avif(data: bytes | mmap, avif: Avif) -> list[Piece]:  # noqa: ARG001 — the form of all of its kind
    """Return the file without what follows it."""
    return [range(avif.end)]


def _shown(avif: Avif) -> Iterator[range]:
    """Yield where pictures and frames lie."""
    for item in avif.items.by_number.values():
        if item.kind not in _METADATA:
            yield from item.extents
    for track in avif.tracks:
        yield from track.chunks


def _items(avif: Avif) -> Iterator[tuple[range, bytes]]:
    """Yield what to overwrite of items: Exif, XMP, and what else is told of pictures."""
    for item in avif.items.by_number.values():
        if item.kind in _METADATA:
            yield from ((place, _blank(item.kind, item.media_type, len(place))) for place in item.extents if place)


def _blank(kind: bytes, media_type: bytes, size: int) -> bytes:
    """Return so many bytes that say nothing, in the form that readers of this kind expect."""
    if kind == b"Exif":
        return _NO_EXIF.ljust(size, b"\0") if size >= len(_NO_EXIF) else bytes(size)
    return b" " * size if media_type == _XMP else bytes(size)


def _boxes(data: bytes | mmap, avif: Avif) -> Iterator[tuple[range, bytes]]:
    """Yield what to overwrite of boxes that nothing is shown of, the outer ones and those about tracks."""
    for box in avif.boxes:
        if box.kind not in _SHOWN:
            yield from _emptied(box)
        elif box.kind == b"moov":
            yield from _user_data(data, box)


def _user_data(data: bytes | mmap, box: Box) -> Iterator[tuple[range, bytes]]:
    for inner in boxes(data, box.content, box.end):
        if inner.kind in {b"udta", b"meta", b"uuid", b"free", b"skip"}:
            yield from _emptied(inner)
        elif inner.kind == b"trak":
            yield from _user_data(data, inner)


def _emptied(box: Box) -> Sequence[tuple[range, bytes]]:
    """Return how to make a box one that is passed over (ISO/IEC 14496-12 section 8.1.2)."""
    kind = range(box.start + _TYPE_AT, box.start + _TYPE_AT + 4)
    return [(kind, b"free"), (range(box.content, box.end), bytes(box.end - box.content))]
