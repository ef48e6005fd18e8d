"""Check a picture and decide what to keep of its file, or read only the header of one that is stored already."""

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

from authsvc.errors import Corrupt, Truncated, Unsupported
from authsvc.imaging.exif import is_sideways
from authsvc.imaging.formats import FORMATS, HEAD_BYTES, Data, Format, S, sniff
from authsvc.imaging.limits import Limits
from authsvc.imaging.pieces import Piece
from authsvc.model import ImageType


@dataclass(frozen=True, slots=True)
class Inspected:
    """A picture within the limits: its width and height in pixels as shown, and what to keep of its file."""

    width: int
    height: int
    pieces: list[Piece]


def inspect(data: Data, kind: ImageType, limits: Limits, *, strips: bool) -> Inspected:
    """Walk through a picture and return its facts.

    `strips` removes metadata; bytes after the picture are removed in any case. Raises
    what its walker raises.
    """
    row = FORMATS[kind]
    found = row.walk(data, limits)
    pieces = row.strip(data, found) if strips else row.without_trailer(data, found)
    return Inspected(*_shown_size(row, data, found), pieces)


def size_in_header(data: Data, kind: ImageType) -> tuple[int, int]:
    """Return width and height in pixels as shown, from a picture's header.

    No limit applies, and damage after the header is ignored: for pictures that are stored
    already. Raises Corrupt when the header ends early, is damaged or declares zero pixels.
    """
    row = FORMATS[kind]
    try:
        return _shown_size(row, data, row.read_header(data))
    except (Truncated, struct.error, IndexError) as error:
        raise Corrupt(kind=row.name, reason="its header ends too early") from error


def read_header(path: Path) -> tuple[int, int]:
    """Return what `size_in_header` does, for a file, whose type is in its first bytes.

    Raises Unsupported for a file of another type, Corrupt, and OSError.
    """
    with path.open("rb") as file:
        kind = sniff(file.read(HEAD_BYTES))
        if kind is None:
            raise Unsupported
        with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:
            return size_in_header(data, kind)


def _shown_size(row: Format[S], data: Data, found: S) -> tuple[int, int]:
    if row.orientation is not None and is_sideways(row.orientation(data, found)):
        return found.height, found.width
    return found.width, found.height
