"""The items of an AVIF file: pictures, tiles, transparency, metadata (ISO/IEC 14496-12 section 8.11; 23008-12)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from mmap import mmap
from typing import Final, NoReturn

from authsvc.errors import Corrupt, Truncated
from authsvc.imaging.isobmff import Box, Reader, boxes

MAX_ITEMS: Final = 2000
"""A picture and its transparency in 256 tiles each are 514; more is an attack on our time."""
MAX_EXTENTS: Final = 20_000
"""Of all items together: the pieces that their data lies in."""

_FULL_BYTES: Final = 4
_IN_FILE, _IN_IDAT = 0, 1  # construction methods: section 8.11.3.1


@dataclass(frozen=True, slots=True)
class Item:
    """One item: its type, the media type of a `mime` item, where its data lies in the file, its properties."""

    kind: bytes
    media_type: bytes = b""
    extents: tuple[range, ...] = ()
    properties: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class Items:
    """All items by their numbers, which of them is shown, and which items refer to which others, by kind."""

    by_number: dict[int, Item]
    primary: int
    references: dict[tuple[bytes, int], tuple[int, ...]] = field(default_factory=dict)


def read_items(data: bytes | mmap, meta: Box) -> Items:
    """Return the items of a `meta` box. Raises Corrupt and Truncated."""
    inner: dict[bytes, Box] = {}
    for box in boxes(data, meta.content + _FULL_BYTES, meta.end):
        inner.setdefault(box.kind, box)
    for needed in (b"pitm", b"iinf", b"iloc", b"iprp"):
        if needed not in inner:
            _refuse(f"it has no {needed.decode()} box")
    kinds = dict(_kinds(data, inner[b"iinf"]))
    extents = dict(_extents(data, inner[b"iloc"], inner.get(b"idat")))
    properties = _properties(data, inner[b"iprp"])
    items = {
        number: Item(kind, media_type, extents.get(number, ()), properties.get(number, ()))
        for number, (kind, media_type) in kinds.items()
    }
    return Items(items, _primary(data, inner[b"pitm"]), dict(_references(data, inner.get(b"iref"))))


def _primary(data: bytes | mmap, box: Box) -> int:
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
        number = entry.number(4 if version == 3 else 2)  # noqa: PLR2004 — the version with large numbers
        entry.take(2)
        kind = entry.take(4)
        entry.text()
        yield number, (kind, entry.text() if kind == b"mime" else b"")


def _extents(data: bytes | mmap, iloc: Box, idat: Box | None) -> Iterator[tuple[int, tuple[range, ...]]]:
    """Yield where the data of each item lies (section 8.11.3)."""
    reader = Reader(data, iloc)
    version, _ = reader.full()
    sizes = reader.number(2)
    offset_size, length_size, base_size, index_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15, sizes & 15
    count = reader.number(2 if version < 2 else 4)  # noqa: PLR2004 — the version with large numbers
    if count > MAX_ITEMS:
        _refuse(f"it has the places of {count} items; the limit is {MAX_ITEMS}")
    left = MAX_EXTENTS
    for _ in range(count):
        number = reader.number(2 if version < 2 else 4)  # noqa: PLR2004 — as above
        method = reader.number(2) & 15 if version else _IN_FILE
        reader.take(2)
        base = reader.number(base_size)
        pieces = reader.number(2)
        left -= pieces
        if left < 0:
            _refuse(f"its items lie in more than {MAX_EXTENTS} pieces")
        found = []
        for _ in range(pieces):
            reader.take(index_size if version else 0)
            offset, length = reader.number(offset_size), reader.number(length_size)
            found.append(_extent(data, method, idat, base + offset, length))
        yield number, tuple(found)


def _extent(data: bytes | mmap, method: int, idat: Box | None, offset: int, length: int) -> range:
    """Return a piece of an item's data in the file; a length of 0 reaches to the end."""
    start, end = 0, len(data)
    if method == _IN_IDAT:
        if idat is None:
            _refuse("an item lies in a box that is missing")
        start, end = idat.content, idat.end
    elif method != _IN_FILE:
        _refuse(f"an item is made of others in the way {method}")
    first = start + offset
    last = first + length if length else end
    if first > end or last > end:
        raise Truncated(reason=f"the data of an item in it ends at byte {last}; there are {end}")
    return range(first, last)


def _properties(data: bytes | mmap, iprp: Box) -> dict[int, tuple[Box, ...]]:
    """Return the properties of each item (23008-12 section 9.3)."""
    inner = list(boxes(data, iprp.content, iprp.end))
    known = [list(boxes(data, box.content, box.end)) for box in inner if box.kind == b"ipco"]
    if len(known) != 1:
        _refuse(f"it has {len(known)} lists of properties where it must have one")
    found: dict[int, tuple[Box, ...]] = {}
    for box in inner:
        if box.kind == b"ipma":
            for number, indices in _associations(data, box):
                if max(indices, default=0) > len(known[0]):
                    _refuse("an item has a property that is missing")
                # Number 0 stands for none.
                found.setdefault(number, tuple(known[0][index - 1] for index in indices if index))
    return found


def _associations(data: bytes | mmap, ipma: Box) -> Iterator[tuple[int, list[int]]]:
    reader = Reader(data, ipma)
    version, flags = reader.full()
    size = 2 if flags & 1 else 1
    count = reader.number(4)
    if count > MAX_ITEMS:
        _refuse(f"it has the properties of {count} items; the limit is {MAX_ITEMS}")
    for _ in range(count):
        number = reader.number(4 if version else 2)
        # The first bit says whether it has to be understood.
        yield number, [reader.number(size) & (2 ** (8 * size - 1) - 1) for _ in range(reader.number(1))]


def _references(data: bytes | mmap, iref: Box | None) -> Iterator[tuple[tuple[bytes, int], tuple[int, ...]]]:
    """Yield for each kind of reference and item the items that it refers to (section 8.11.12)."""
    if iref is None:
        return
    outer = Reader(data, iref)
    version, _ = outer.full()
    size = 4 if version else 2
    for box in boxes(data, outer.at, iref.end):
        reader = Reader(data, box)
        number = reader.number(size)
        yield (box.kind, number), tuple(reader.number(size) for _ in range(reader.number(2)))


def _refuse(reason: str) -> NoReturn:
    raise Corrupt(kind="AVIF", reason=reason)
