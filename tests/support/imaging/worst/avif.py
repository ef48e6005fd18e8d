"""AVIF files made of the smallest pieces (ISO/IEC 14496-12; 23008-12)."""

import struct
from functools import partial

from authsvc.imaging.avif.boxes import MAX_BOXES
from authsvc.imaging.avif.items import MAX_ASSOCIATIONS, MAX_EXTENTS, MAX_ITEMS, MAX_REFERENCES
from tests.support.imaging.avif_files import box, film
from tests.support.imaging.real_pictures import PICTURES, SIZE
from tests.support.imaging.worst.avif_file import STREAM, Avif, item
from tests.support.imaging.worst.filling import Maker, profile

_ANIMATED = PICTURES["AVIF, animated"][1]
_BOXES = MAX_BOXES - 20
_ITEMS = MAX_ITEMS - 20


def _padded(make: Maker, limit: int) -> Maker:
    """Return files of at most the size that `limit` pieces of 20 bytes have, filled up with data."""

    def whole(size: int) -> bytes:
        content = make(min(size // 20, limit))
        return content + box(b"free", bytes(max(0, size - len(content) - 8)))

    return whole


def _items(count: int, kind: bytes, *, associations: bytes = b"\0") -> bytes:
    """Return a file with so many more items, each with this list of properties and the picture's data."""
    numbers = range(2, 2 + count)
    return Avif(
        kinds=b"".join(item(number, kind) for number in numbers),
        associations=b"".join(struct.pack(">H", number) + associations for number in numbers),
        places=tuple((number, ((0, len(STREAM)),)) for number in numbers),
        count=1 + count,
    ).to_bytes()


def _extents(count: int) -> bytes:
    """Return a picture whose data is in pieces of one byte."""
    data = STREAM.ljust(count, b"\0")
    return Avif(data, extents=tuple((at, 1) for at in range(count))).to_bytes()


def _exif_in_pieces(count: int) -> bytes:
    extents = tuple((len(STREAM) + at, 1) for at in range(0, 2 * count, 2))
    return Avif(
        STREAM + bytes(2 * count),
        kinds=item(2, b"Exif"),
        places=((2, extents),),
        associations=b"\0\2\0",
        count=2,
    ).to_bytes()


def _many_properties(count: int) -> bytes:
    """Return pictures with as many properties as are allowed, the needed ones last."""
    each = bytes((255,)) + bytes(253) + b"\1\x82"
    return _items(min(count // 256, (MAX_ASSOCIATIONS - 20) // 256), b"av01", associations=each)


def _many_grids(count: int) -> bytes:
    """Return grids that all refer to one tile, whose size is its last property."""
    each = bytes((255,)) + bytes(253) + b"\1\x82"
    description = struct.pack(">BBBBHH", 0, 0, 31, 31, 64, 64)
    grids = min(count, MAX_REFERENCES - 20) // 1024
    numbers = range(3, 3 + grids)
    return Avif(
        STREAM + description,
        kinds=item(2, b"av01") + b"".join(item(number, b"grid") for number in numbers),
        associations=b"\0\2" + each + b"".join(struct.pack(">HBB", number, 1, 1) for number in numbers),
        places=((2, ((0, len(STREAM)),)), *((number, ((len(STREAM), 8),)) for number in numbers)),
        count=2 + grids,
        references=b"".join(box(b"dimg", struct.pack(">HH1024H", number, 1024, *[2] * 1024)) for number in numbers),
    ).to_bytes()


def _references(count: int) -> bytes:
    one = box(b"dimg", struct.pack(">HH4H", 2, 4, *[1] * 4))
    return Avif(references=one * min(count // 4, _BOXES)).to_bytes()


def _shared_streams(count: int) -> bytes:
    """Return pictures that all refer to the same data."""
    return _items(min(count, _ITEMS), b"av01", associations=b"\2\1\x82")


def sequence_header(number: int = 0) -> bytes:
    """Return a header with as many operating points as there may be, each with all its fields (AV1, section 5.5)."""
    bits = "000" + "0" + "0" + "1" + f"{1000:032b}" + f"{60_000 + number:032b}" + "0" + "1"
    bits += f"{30:05b}" + f"{1:032b}" + f"{3:05b}" + f"{3:05b}" + "1" + "11111"
    bits += (f"{0:012b}" + "01000" + "1" + "1" + "0" * 63 + "1" + "0000") * 32
    bits += "0110" + "0101" + f"{SIZE[0] - 1:07b}" + f"{SIZE[1] - 1:06b}"
    content = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")
    return b"\x0a" + bytes((len(content) & 127 | 128, len(content) >> 7)) + content


def _sequence_headers(size: int, *, different: bool) -> bytes:
    one = sequence_header()
    count = min(size // len(one), 49_900)
    headers = b"".join(map(sequence_header, range(count))) if different else one * count
    return Avif(headers + bytes((0x12, 0x00))).to_bytes()


def _units(count: int) -> bytes:
    return Avif(STREAM + b"\x12\0" * count).to_bytes()


def _units_in_pieces(count: int) -> bytes:
    """Return a stream of the smallest units in pieces of one byte."""
    data = STREAM + b"\x12\0" * (count // 2)
    return Avif(data, extents=tuple((at, 1) for at in range(len(data)))[: MAX_EXTENTS - 20]).to_bytes()


def _profiles(length: int) -> Maker:
    def make(size: int) -> bytes:
        one = box(b"colr", b"prof", profile(length))
        return Avif(properties=one * min((size - 2000) // len(one), _BOXES)).to_bytes()

    return make


def _tracks(count: int, in_boxes: bytes) -> bytes:
    """Return an animation with as many tracks as are allowed, each with many boxes in every box."""
    at = _ANIMATED.index(b"trak") - 4
    trak = _ANIMATED[at : at + int.from_bytes(_ANIMATED[at : at + 4], "big")]
    more = in_boxes * count
    for kind in (b"stbl", b"minf", b"mdia", b"trak"):
        start = trak.index(kind) - 4
        end = start + int.from_bytes(trak[start : start + 4], "big")
        trak = trak[:start] + box(kind, more, trak[start + 8 : end]) + trak[end:]
        # The sizes of the boxes around it.
        for outer in (b"trak", b"mdia", b"minf"):
            place = trak.index(outer) - 4
            if place < start:
                size = int.from_bytes(trak[place : place + 4], "big") + len(more)
                trak = trak[:place] + size.to_bytes(4, "big") + trak[place + 4 :]
    return film(_ANIMATED, *[trak] * 7)


def _everything(count: int) -> bytes:
    """Return a picture with nearly as many of each piece as are allowed."""
    count = min(count, _BOXES)
    items = range(3, _ITEMS)
    data = STREAM + b"\x12\0" * (10 * count)
    metadata = tuple((len(data) + at, 1) for at in range(0, 2 * 3 * count, 2))
    each = bytes((24,)) + bytes(22) + b"\1\x82"
    return Avif(
        data + bytes(6 * count),
        extents=((0, len(data)),),
        kinds=item(2, b"Exif") + b"".join(item(number, b"what") for number in items),
        places=((2, metadata), *((number, ((0, 1),)) for number in items)),
        properties=box(b"udes", b"x") * count,
        associations=b"\0\2\0" + b"".join(struct.pack(">H", number) + each for number in items),
        count=2 + len(items),
        references=box(b"dimg", struct.pack(">HH4H", 2, 4, *[1] * 4)) * count,
        in_meta=box(b"free", b"x") * count,
        after=box(b"free", b"x") * count,
    ).to_bytes()


FILES: dict[str, Maker] = {
    "nearly as much as allowed of everything": _padded(_everything, _BOXES),
    "boxes": _padded(lambda count: Avif(after=box(b"free") * count).to_bytes(), _BOXES),
    "boxes of data": _padded(lambda count: Avif(after=box(b"mdat", b"x") * count).to_bytes(), _BOXES),
    "boxes about the picture": _padded(lambda count: Avif(in_meta=box(b"free", b"x") * count).to_bytes(), _BOXES),
    "properties": _padded(lambda count: Avif(properties=box(b"free", b"x") * count).to_bytes(), _BOXES),
    "items": _padded(lambda count: _items(count, b"what"), _ITEMS),
    "items with a media type": _padded(lambda count: _items(count, b"mime"), _ITEMS),
    "pictures": _padded(_shared_streams, _ITEMS),
    "pieces of a picture": _padded(_extents, MAX_EXTENTS - 20),
    "pieces of metadata": _padded(_exif_in_pieces, MAX_EXTENTS - 20),
    "properties of pictures": _padded(_many_properties, MAX_ASSOCIATIONS),
    "grids": _padded(_many_grids, MAX_REFERENCES),
    "references": _padded(_references, MAX_REFERENCES),
    "small profiles": _profiles(158),
    "profiles": _profiles(4000),
    "profiles with many tags": _profiles(13_200),
    "one large profile": lambda size: _profiles(size - 4000)(size),
    "sequence headers": partial(_sequence_headers, different=False),
    "different sequence headers": partial(_sequence_headers, different=True),
    "units of a stream": _padded(_units, 49_900),
    "units of a stream, too many": lambda size: _units(size // 2),
    "units in pieces": _padded(_units_in_pieces, MAX_EXTENTS),
    "tracks": _padded(lambda count: _tracks(count, box(b"free")), _BOXES),
    "tracks with metadata": _padded(lambda count: _tracks(count, box(b"udta", b"x")), _BOXES),
}
