"""AVIF files with any number of items, properties, references and boxes (ISO/IEC 14496-12; 23008-12)."""

import struct
from dataclasses import dataclass

from tests.support.imaging.avif_files import av1c, box, full, ispe, stream
from tests.support.imaging.real_pictures import SIZE

STREAM = stream(SIZE)


@dataclass(frozen=True, slots=True)
class Avif:
    """A picture, number 1, and more of everything."""

    data: bytes = STREAM
    extents: tuple[tuple[int, int], ...] = ()
    """Offset in the data, and length; empty: all of it at once."""
    kinds: bytes = b""
    places: tuple[tuple[int, tuple[tuple[int, int], ...]], ...] = ()
    properties: bytes = b""
    associations: bytes = b""
    count: int = 1
    """Items, places and lists of properties."""
    references: bytes = b""
    in_meta: bytes = b""
    before_data: bytes = b""
    after: bytes = b""

    def to_bytes(self) -> bytes:
        ftyp = box(b"ftyp", b"avif", bytes(4), b"avif", b"mif1")
        base = len(ftyp) + len(self._meta(0)) + len(self.before_data) + 8
        return ftyp + self._meta(base) + self.before_data + box(b"mdat", self.data) + self.after

    def _meta(self, base: int) -> bytes:
        own = (1, self.extents or ((0, len(self.data)),))
        places = b"".join(
            struct.pack(">HHHIH", number, 0, 0, base, len(extents))
            + b"".join(struct.pack(">II", *extent) for extent in extents)
            for number, extents in (own, *self.places)
        )
        return full(
            b"meta",
            full(b"hdlr", bytes(4), b"pict", bytes(12), b"\0"),
            full(b"pitm", struct.pack(">H", 1)),
            full(b"iloc", b"\x44\x40", struct.pack(">H", 1 + len(self.places)), places, version=1),
            full(b"iinf", struct.pack(">H", self.count), item(1, b"av01"), self.kinds),
            box(
                b"iprp",
                box(b"ipco", ispe(SIZE), av1c(), self.properties),
                full(b"ipma", struct.pack(">I", self.count), struct.pack(">HB", 1, 2) + b"\1\x82", self.associations),
            ),
            full(b"iref", self.references),
            self.in_meta,
        )


def item(number: int, kind: bytes) -> bytes:
    """Return the entry of an item."""
    return full(b"infe", struct.pack(">HH4s", number, 0, kind), b"\0", version=2)
