"""Read only the header of an AVIF file, for pictures that are stored already."""

from mmap import mmap
from typing import Final

from authsvc.imaging.avif.boxes import boxes, first_of_each
from authsvc.imaging.avif.items import Item, Items, primary_number, properties_by_item
from authsvc.imaging.avif.walk import Avif, outer_boxes, picture_size, refuse, turns_of

_FULL_BYTES: Final = 4


def read_avif_header(data: bytes | mmap) -> Avif:
    """Return what the first `meta` box contains about the picture that is shown.

    Raises Corrupt or Truncated when that box is damaged or missing. Anything else is ignored.
    """
    meta = next((box for box in outer_boxes(data) if box.kind == b"meta"), None)
    if meta is None:
        refuse("it has no meta box")
    inner = first_of_each(boxes(data, meta.content + _FULL_BYTES, meta.end), frozenset())
    for needed in (b"pitm", b"iprp"):
        if needed not in inner:
            refuse(f"it has no {needed.decode()} box")
    number = primary_number(data, inner[b"pitm"])
    primary = Item(kind=b"", properties=properties_by_item(data, inner[b"iprp"]).get(number, ()))
    width, height = picture_size(data, primary)
    items = Items({number: primary}, number)
    return Avif((meta,), meta.end, items, (), width, height, turns_of(data, primary))
