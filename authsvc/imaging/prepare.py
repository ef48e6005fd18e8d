"""The step between spool and store: look at an upload, make it fit to keep."""

from dataclasses import dataclass

from authsvc.errors import Unsupported
from authsvc.imaging.dimensions import read_dimensions
from authsvc.imaging.sniff import HEAD_BYTES, sniff
from authsvc.model import ImageType, Spooled


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is to be stored: a file, which may be the spooled one itself, and
    what its header says. Width and height are in pixels."""

    file: Spooled
    kind: ImageType
    width: int
    height: int


def prepare(received: Spooled) -> Prepared:
    """Return what is to be stored of an upload. Blocking; it reads the header.

    Nothing is cleaned out of a file yet, so it is kept byte for byte. Raises
    Unsupported for other types than the five, Corrupt for a damaged header.
    """
    with received.path.open("rb") as file:
        kind = sniff(file.read(HEAD_BYTES))
        if kind is None:
            raise Unsupported
        width, height = read_dimensions(file, kind)
    return Prepared(received, kind, width, height)
