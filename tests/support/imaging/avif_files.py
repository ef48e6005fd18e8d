"""AVIF files made box by box, with AV1 streams from an encoder."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from authsvc.imaging.avif.walk import walk_avif
from tests.support.imaging.real_pictures import SIZE, saved
from tests.support.limits import USUAL


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full(kind: bytes, *content: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *content)


def stream(size: tuple[int, int]) -> bytes:
    """Return the AV1 stream of a picture of one colour."""
    content = saved("AVIF", size=size)
    (place,) = walk_avif(content, USUAL).items.by_number[1].extents
    return content[place.start : place.stop]


def _essential(made: bytes) -> int:
    """Return the bit that marks a property as essential: libavif refuses these without it."""
    return 0x80 if made[4:8] in {b"av1C", b"irot", b"imir"} else 0


def ispe(size: tuple[int, int]) -> bytes:
    return full(b"ispe", struct.pack(">II", *size))


@dataclass(frozen=True, slots=True)
class Made:
    """One item: its type, its data, its properties."""

    kind: bytes
    data: bytes
    properties: tuple[bytes, ...] = ()
    media_type: bytes = b""
    refers: tuple[tuple[bytes, tuple[int, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class File:
    """A file of these items, numbered from 1; the first is shown."""

    items: list[Made]
    brand: bytes = b"avif"
    in_idat: bool = False
    iloc_version: int = 1
    after_meta: bytes = b""
    after: bytes = b""
    in_meta: bytes = b""
    pieces: int = 1
    """The number of pieces that the data of each item is split into."""
    overlap: dict[int, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    """Other offsets and lengths for an item, as an attacker writes them."""

    def to_bytes(self) -> bytes:
        ftyp = box(b"ftyp", self.brand, bytes(4), self.brand, b"mif1")
        # Its length does not depend on the offsets in it.
        before = len(ftyp) + len(self._meta(0)) + len(self.after_meta) + 8
        content = b"" if self.in_idat else box(b"mdat", *(item.data for item in self.items))
        return ftyp + self._meta(0 if self.in_idat else before) + self.after_meta + content + self.after

    def _meta(self, base: int) -> bytes:
        properties = list(dict.fromkeys(each for item in self.items for each in item.properties))
        entries = b"".join(
            struct.pack(">HB", number, len(item.properties))
            + bytes(properties.index(each) + 1 | _essential(each) for each in item.properties)
            for number, item in enumerate(self.items, 1)
        )
        references = [
            box(kind, struct.pack(f">HH{len(to)}H", number, len(to), *to))
            for number, item in enumerate(self.items, 1)
            for kind, to in item.refers
        ]
        parts = [
            full(b"hdlr", bytes(4), b"pict", bytes(12), b"\0"),
            full(b"pitm", struct.pack(">H", 1)),
            self._iloc(base),
            full(b"iinf", struct.pack(">H", len(self.items)), *self._infe()),
            box(b"iprp", box(b"ipco", *properties), full(b"ipma", struct.pack(">I", len(self.items)), entries)),
        ]
        if references:
            parts.append(full(b"iref", *references))
        if self.in_idat:
            parts.append(box(b"idat", *(item.data for item in self.items)))
        return full(b"meta", *parts, self.in_meta)

    def _infe(self) -> list[bytes]:
        return [
            full(
                b"infe",
                struct.pack(">HH4s", number, 0, item.kind),
                b"\0",
                item.media_type + b"\0" if item.kind == b"mime" else b"",
                version=2,
            )
            for number, item in enumerate(self.items, 1)
        ]

    def _iloc(self, base: int) -> bytes:
        entries, at = b"", base
        for number, item in enumerate(self.items, 1):
            places = self.overlap.get(number, tuple(_cut(at, len(item.data), self.pieces)))
            method = struct.pack(">H", int(self.in_idat)) if self.iloc_version else b""
            entries += struct.pack(">H", number) + method + struct.pack(">HH", 0, len(places))
            entries += b"".join(struct.pack(">II", *place) for place in places)
            at += len(item.data)
        return full(b"iloc", b"\x44\0", struct.pack(">H", len(self.items)), entries, version=self.iloc_version)


def _cut(at: int, length: int, pieces: int) -> Iterator[tuple[int, int]]:
    """Yield the offset and length of each piece; the last one includes the rest."""
    for number in range(pieces - 1):
        yield at + number * (length // pieces), length // pieces
    done = (pieces - 1) * (length // pieces)
    yield at + done, length - done


def film(content: bytes, *more: bytes, in_track: bytes = b"") -> bytes:
    """Return an animation with more boxes in its `moov` box and in the track at the end of that.

    The old `moov` box becomes a free one, so that no data moves.
    """
    at = content.index(b"moov") - 4
    end = at + int.from_bytes(content[at : at + 4], "big")
    track = content.index(b"trak", at) - 4
    moov = box(b"moov", content[at + 8 : track], box(b"trak", content[track + 8 : end], in_track), *more)
    return content[: at + 4] + b"free" + bytes(end - at - 8) + content[end:] + moov


def av1c() -> bytes:
    """Return the decoder configuration of the encoder's streams."""
    content = saved("AVIF")
    at = content.index(b"av1C") - 4
    return content[at : at + int.from_bytes(content[at : at + 4], "big")]


def picture_item(size: tuple[int, int], *more: bytes, declared: tuple[int, int] | None = None) -> Made:
    """Return a picture; `declared` is a wrong size in its properties."""
    return Made(b"av01", stream(size), (ispe(declared or size), av1c(), *more))


def grid(rows: int, columns: int, size: tuple[int, int], tile: tuple[int, int], *, tiles: int | None = None) -> File:
    """Return a picture that is made of tiles."""
    count = rows * columns if tiles is None else tiles
    description = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, *size)
    first = Made(b"grid", description, (ispe(size),), refers=((b"dimg", tuple(range(2, 2 + count))),))
    return File([first, *[picture_item(tile)] * count])


MADE = {
    "one picture": File([picture_item(SIZE)]),
    "data in the meta box": File([picture_item(SIZE)], in_idat=True),
    "places without methods": File([picture_item(SIZE)], iloc_version=0),
    "four tiles": grid(2, 2, (100, 90), (64, 64)),
    "boxes between": File([picture_item(SIZE)], after_meta=box(b"free", bytes(99)) + box(b"uuid", bytes(40))),
    "pieces of a few bytes": File([picture_item(SIZE)], pieces=30),
    "turned": File([picture_item(SIZE, box(b"irot", b"\1"))]),
    "mirrored": File([picture_item(SIZE, box(b"imir", b"\1"))]),
    "gain map": File(
        [picture_item(SIZE), picture_item((37, 21)), Made(b"tmap", bytes(62), refers=((b"dimg", (1, 2)),))]
    ),
    "an unknown item": File([picture_item(SIZE), Made(b"what", b"data")]),
}
"""Valid files, by what is special about them."""
