"""The items of an AVIF file: pictures, tiles, transparency, metadata (ISO/IEC 14496-12 section 8.11; 23008-12)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from mmap import mmap
from typing import Final, NoReturn, TypeVar

from authsvc.errors import Corrupt, Truncated
from authsvc.imaging.avif.boxes import Box, Reader, boxes, first_of_each

MAX_ITEMS: Final = 2000
"""A picture and its transparency in 256 tiles each have 514. More is an attack on our time."""
MAX_EXTENTS: Final = 20_000
"""Limit for the pieces of data of all items together."""
MAX_ASSOCIATIONS: Final = 50_000
"""Limit for the properties of all items together. An item has fewer than ten."""
MAX_REFERENCES: Final = 20_000
"""Limit for the references of all items together. For each tile there are two: its own, and one of the picture
that it belongs to."""

_FULL_BYTES: Final = 4
_IN_FILE, _IN_IDAT = 0, 1  # construction methods: section 8.11.3.1
_ALONE: Final = frozenset({b"pitm", b"iloc", b"iinf", b"iprp", b"iref", b"idat"})

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Item:
    """One item: its type, the media type of a `mime` item, where its data is in the file, its properties."""

    kind: bytes
    media_type: bytes = b""
    extents: tuple[range, ...] = ()
    properties: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class Items:
    """All items by number, the number of the one that is shown, and the references between items, by kind."""

    by_number: dict[int, Item]
    primary: int
    references: dict[tuple[bytes, int], tuple[int, ...]] = field(default_factory=dict)


def read_items(data: bytes | mmap, meta: Box, end: int) -> Items:
    """Return the items of a `meta` box. `end` is where the last box of the file ends. Raises Corrupt and Truncated."""
    inner = first_of_each(boxes(data, meta.content + _FULL_BYTES, meta.end), _ALONE)
    for needed in (b"pitm", b"iinf", b"iloc", b"iprp"):
        if needed not in inner:
            _refuse(f"it has no {needed.decode()} box")
    kinds = _by_number(_kinds(data, inner[b"iinf"]))
    extents = _by_number(_extents(data, inner[b"iloc"], inner.get(b"idat"), end))
    properties = properties_by_item(data, inner[b"iprp"])
    items = {
        number: Item(kind, media_type, extents.get(number, ()), properties.get(number, ()))
        for number, (kind, media_type) in kinds.items()
    }
    return Items(items, primary_number(data, inner[b"pitm"]), dict(_references(data, inner.get(b"iref"))))


def _by_number(entries: Iterable[tuple[int, T]]) -> dict[int, T]:
    """Return the entry of each item. Two are refused: some programs use the first and some the last."""
    found: dict[int, T] = {}
    for number, entry in entries:
        if found.setdefault(number, entry) is not entry:
            _refuse(f"it has two entries for its item {number}")
    return found


def primary_number(data: bytes | mmap, box: Box) -> int:
    """Return the number of the item that is shown, from a `pitm` box."""
    reader = Reader(data, box)
    version, _ = reader.full()
    return reader.number(4 if version else 2)


def _kinds(data: bytes | mmap, iinf: Box) -> Iterator[tuple[int, tuple[bytes, bytes]]]:
    """Yield the number, type and media type of each item (section 8.11.6)."""
    reader = Reader(data, iinf)
    version, _ = reader.full()
    count = reader.number(4 if version else 2)
    if count > MAX_ITEMS:
        _refuse(f"it has {count} items; the limit is {MAX_ITEMS}")
    for box in boxes(data, reader.at, iinf.end):
        entry = Reader(data, box)
        version, _ = entry.full()
        if box.kind != b"infe" or version not in {2, 3}:
            continue
        number = entry.number(4 if version == 3 else 2)  # noqa: PLR2004 — the version with longer numbers
        entry.take(2)
        kind = entry.take(4)
        entry.text()
        yield number, (kind, entry.text() if kind == b"mime" else b"")


def _extents(data: bytes | mmap, iloc: Box, idat: Box | None, end: int) -> Iterator[tuple[int, tuple[range, ...]]]:
    """Yield where the data of each item is (section 8.11.3)."""
    wholes = {_IN_FILE: range(end)}
    if idat is not None:
        wholes[_IN_IDAT] = range(idat.content, idat.end)
    reader = Reader(data, iloc)
    version, _ = reader.full()
    sizes = reader.number(2)
    offset_size, length_size, base_size, index_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15, sizes & 15
    count = reader.number(2 if version < 2 else 4)  # noqa: PLR2004 — the version with longer numbers
    if count > MAX_ITEMS:
        _refuse(f"it has the places of {count} items; the limit is {MAX_ITEMS}")
    left = MAX_EXTENTS
    for _ in range(count):
        number = reader.number(2 if version < 2 else 4)  # noqa: PLR2004 — as above
        method = reader.number(2) & 15 if version else _IN_FILE
        reader.take(2)
        if method not in wholes:
            _refuse("the data of an item is in a missing box, or in other items")
        base = reader.number(base_size)
        pieces = reader.number(2)
        left -= pieces
        if left < 0:
            _refuse(f"the data of its items is in more than {MAX_EXTENTS} pieces")
        found = []
        for _ in range(pieces):
            reader.take(index_size if version else 0)
            offset, length = reader.number(offset_size), reader.number(length_size)
            found.append(_extent(data, wholes[method], base + offset, length))
        yield number, tuple(found)


def _extent(data: bytes | mmap, whole: range, offset: int, length: int) -> range:
    """Return a piece of an item's data within `whole`; a length of 0 means up to the end of `whole`."""
    first = whole.start + offset
    last = first + length if length else max(first, whole.stop)
    if last > len(data):
        raise Truncated(reason=f"the data of an item in it ends at byte {last}; there are {len(data)}")
    if last > whole.stop:
        _refuse("the data of an item in it is after the box that holds it, or after the last box")
    return range(first, last)


def properties_by_item(data: bytes | mmap, iprp: Box) -> dict[int, tuple[Box, ...]]:
    """Return the properties of each item (23008-12 section 9.3). Raises Corrupt."""
    return _by_number(_properties(data, iprp))


def _properties(data: bytes | mmap, iprp: Box) -> Iterator[tuple[int, tuple[Box, ...]]]:
    inner = list(boxes(data, iprp.content, iprp.end))
    containers = [box for box in inner if box.kind == b"ipco"]
    if len(containers) != 1:
        _refuse(f"it has {len(containers)} lists of properties where it must have one")
    known = list(boxes(data, containers[0].content, containers[0].end))
    left = MAX_ASSOCIATIONS
    for box in inner:
        if box.kind == b"ipma":
            for number, indices in _associations(data, box):
                # An item without properties takes time as well.
                left -= 1 + len(indices)
                if left < 0:
                    _refuse(f"its items have more than {MAX_ASSOCIATIONS} properties")
                if max(indices, default=0) > len(known):
                    _refuse("a property of an item is missing")
                # Number 0 means no property.
                yield number, tuple(known[index - 1] for index in indices if index)


def _associations(data: bytes | mmap, ipma: Box) -> Iterator[tuple[int, list[int]]]:
    reader = Reader(data, ipma)
    version, flags = reader.full()
    size = 2 if flags & 1 else 1
    count = reader.number(4)
    if count > MAX_ITEMS:
        _refuse(f"it has the properties of {count} items; the limit is {MAX_ITEMS}")
    for _ in range(count):
        number = reader.number(4 if version else 2)
        # The first bit is set when a reader must know the property.
        yield number, [reader.number(size) & (2 ** (8 * size - 1) - 1) for _ in range(reader.number(1))]


def _references(data: bytes | mmap, iref: Box | None) -> Iterator[tuple[tuple[bytes, int], tuple[int, ...]]]:
    """Yield the items that each item refers to, for each kind of reference (section 8.11.12)."""
    if iref is None:
        return
    outer = Reader(data, iref)
    version, _ = outer.full()
    size = 4 if version else 2
    left = MAX_REFERENCES
    for box in boxes(data, outer.at, iref.end):
        reader = Reader(data, box)
        number, count = reader.number(size), reader.number(2)
        left -= count
        if left < 0:
            _refuse(f"its items refer to more than {MAX_REFERENCES} others")
        yield (box.kind, number), tuple(reader.number(size) for _ in range(count))


def _refuse(reason: str) -> NoReturn:
    raise Corrupt(kind="AVIF", reason=reason)
