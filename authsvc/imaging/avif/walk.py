"""Walk through an AVIF file's boxes without decoding a pixel of it (AV1 Image File Format 1.1)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from mmap import mmap
from typing import Final, NoReturn

from authsvc.errors import Corrupt, Truncated
from authsvc.imaging.avif.av1 import Sequences
from authsvc.imaging.avif.boxes import MAX_BOXES, Box, Reader, first_of_each, read_box
from authsvc.imaging.avif.items import Item, Items, read_items
from authsvc.imaging.avif.tracks import Track, read_tracks
from authsvc.imaging.limits import Limits

_BRANDS: Final = frozenset({b"avif", b"avis"})
BRANDS_BYTES: Final = 256
"""How much of a file `is_avif` needs: up to 58 compatible brands may come before the right one."""
_ALONE: Final = frozenset({b"ftyp", b"meta", b"moov"})
_KNOWN: Final = frozenset({b"ftyp", b"meta", b"mdat", b"moov", b"moof", b"free", b"skip", b"uuid", b"mfra", b"sidx"})


@dataclass(frozen=True, slots=True)
class Avif:
    """The structure of an AVIF file.

    `boxes` are the outer ones, `end` is where the last of them ends. Width and height
    are in pixels, before the picture is turned `turns` times by 90 degrees.
    """

    boxes: tuple[Box, ...]
    end: int
    items: Items
    tracks: tuple[Track, ...]
    width: int
    height: int
    turns: int


def walk_avif(data: bytes | mmap, limits: Limits) -> Avif:
    """Return the structure of the AVIF file `data`.

    Time grows with the number of boxes and items. Raises Truncated when a box or the
    data of an item is cut off, Corrupt when the file is damaged, TooManyPixels and
    TooManyFrames beyond the limits, also when only the AV1 stream in it is too large.
    """
    outer = tuple(outer_boxes(data))
    first = first_of_each(outer, _ALONE)
    if outer[0].kind != b"ftyp" or not is_avif(data[:BRANDS_BYTES]):
        refuse("it does not begin with its brands")
    if b"meta" not in first:
        # Whether it was cut off or never written: the picture cannot be shown.
        refuse("it has no meta box")
    end = outer[-1].end
    items = read_items(data, first[b"meta"], end)
    primary = items.by_number.get(items.primary)
    if primary is None:
        refuse("the item that it declares as its picture is missing")
    width, height = picture_size(data, primary)
    limits.check(width, height, is_buffered=True)
    sequences = Sequences(data)
    _check_picture(data, items, limits, sequences)
    tracks = read_tracks(data, first[b"moov"], end, limits, sequences) if b"moov" in first else []
    return Avif(outer, end, items, tuple(tracks), width, height, turns_of(data, primary))


def outer_boxes(data: bytes | mmap) -> Iterator[Box]:
    """Yield the outer boxes. Bytes after them that are not a known box do not belong to the file."""
    at = 0
    for _ in range(MAX_BOXES):
        box = read_box(data, at, len(data))
        # Zeros that fill a file up look like a box without a name that reaches to the end.
        if box is None or (box.kind not in _KNOWN and (box.end > len(data) or not any(data[at : at + 4]))):
            if not at:
                refuse("it does not begin with a box")
            return
        if box.end > len(data):
            raise Truncated(reason=f"it ends within the box {box.kind.decode()}, after {len(data)} bytes")
        yield box
        at = box.end
    refuse(f"it has more than {MAX_BOXES} boxes")


def is_avif(head: bytes) -> bool:
    """Return whether a file that begins with `head` has the brand of a picture or an animation (AVIF, section 6)."""
    if head[4:8] != b"ftyp":
        return False
    box = head[: int.from_bytes(head[:4], "big")]
    # The major brand, then a version, then the compatible brands (ISO/IEC 14496-12 section 4.3).
    return any(box[at : at + 4] in _BRANDS for at in (8, *range(16, len(box), 4)))


def _property(item: Item, kind: bytes) -> Box | None:
    return next((box for box in item.properties if box.kind == kind), None)


def picture_size(data: bytes | mmap, item: Item) -> tuple[int, int]:
    """Return width and height in pixels from the property ispe (ISO/IEC 23008-12 section 6.5.3)."""
    box = _property(item, b"ispe")
    if box is None:
        refuse("a picture in it has no size")
    reader = Reader(data, box)
    reader.full()
    width, height = reader.number(4), reader.number(4)
    if not width or not height:
        refuse(f"its header gives a size of {width} x {height} pixels")
    return width, height


def turns_of(data: bytes | mmap, item: Item) -> int:
    """Return by how many times 90 degrees the property irot turns the picture (ISO/IEC 23008-12 section 6.5.10)."""
    box = _property(item, b"irot")
    return Reader(data, box).number(1) & 3 if box is not None else 0


def _check_picture(data: bytes | mmap, items: Items, limits: Limits, sequences: Sequences) -> None:
    """Check the picture that is shown and everything that decoders decode with it: tiles, transparency, gain map."""
    primary = items.by_number[items.primary]
    if primary.kind not in {b"av01", b"grid"}:
        refuse(f"its picture is of the kind {primary.kind!r}")
    pictures = {number: item for number, item in items.by_number.items() if item.kind == b"av01"}
    sizes = {number: _check_stream(data, item, limits, sequences) for number, item in pictures.items()}
    for number, item in items.by_number.items():
        if item.kind == b"grid":
            tiles = items.references.get((b"dimg", number), ())
            if any(tile not in sizes for tile in tiles):
                # Otherwise each tile might be a picture of tiles again.
                refuse("not all of its tiles are AV1 pictures")
            _check_grid(data, item, [sizes[tile] for tile in tiles], limits)


def _check_stream(data: bytes | mmap, item: Item, limits: Limits, sequences: Sequences) -> tuple[int, int]:
    """Check the size in the AV1 stream of a picture or tile itself; return the declared size."""
    declared = picture_size(data, item)
    coded = sequences.frame_sizes(item.extents)
    if not coded:
        refuse("a picture in it has no sequence header")
    for width, height in (declared, *coded):
        limits.check(width, height, is_buffered=True)
    return declared


def _check_grid(data: bytes | mmap, grid: Item, tiles: Sequence[tuple[int, int]], limits: Limits) -> None:
    """Check the size of a picture that is made of tiles of these sizes (ISO/IEC 23008-12 section 6.6.2.3).

    Whether the tiles are all there and cover the picture is left to the decoder. All of them are decoded, also
    those that cover more than the picture.
    """
    content = b"".join(bytes(data[piece.start : min(piece.stop, piece.start + 12)]) for piece in grid.extents[:1])
    large = content[1] & 1 if len(content) > 1 else 0
    if len(content) < (12 if large else 8):
        raise Truncated(reason="the description of its tiles is too short")
    rows, columns = content[2] + 1, content[3] + 1
    size = 4 if large else 2
    width, height = (int.from_bytes(content[at : at + size], "big") for at in (4, 4 + size))
    limits.check(width, height, is_buffered=True)
    tile_width, tile_height = (max(sides, default=0) for sides in ([w for w, _ in tiles], [h for _, h in tiles]))
    limits.check(tile_width * columns, tile_height * rows, is_buffered=True)


def refuse(reason: str) -> NoReturn:
    """Raise Corrupt for an AVIF."""
    raise Corrupt(kind="AVIF", reason=reason)
