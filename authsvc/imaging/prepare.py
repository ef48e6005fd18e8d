"""The step between spool and store: check an upload and make it ready to keep."""

import mmap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from authsvc.errors import Unsupported
from authsvc.imaging.formats import HEAD_BYTES, sniff
from authsvc.imaging.inspection import inspect, read_size
from authsvc.imaging.limits import Limits
from authsvc.imaging.pieces import contents, length
from authsvc.model import ImageType, Spooled
from authsvc.system.durable import disk_full_when_no_room

CLEAN_SUFFIX = ".clean.part"
"""The suffix of a clean file beside the spooled one. After a crash it is removed like other spool files."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The file to store, which may be the spooled one itself, its size in
    bytes, its type, and width and height in pixels as the picture is shown."""

    path: Path
    size: int
    kind: ImageType
    width: int
    height: int


def prepare(received: Spooled, limits: Limits | None, *, strips: bool = False) -> Prepared:
    """Return the file to store for an upload. Blocking; it reads the whole file.

    When something has to be removed (with `strips` metadata; in any case what follows the
    picture), the result is a clean file beside the spooled one, which the caller removes;
    otherwise it is the spooled file itself. `limits` None is for pictures that are stored
    already, of any size: only their header is read. Raises Unsupported for a file of
    another type, Corrupt for a damaged one, Truncated for one that ends too early,
    TooManyPixels, TooManyFrames, TooManyScans or Bomb beyond a limit, DiskFull without room
    for the clean file.
    """
    with received.path.open("rb") as file:
        kind = sniff(file.read(HEAD_BYTES))
        if kind is None:
            raise Unsupported
        if limits is None:
            return Prepared(received.path, received.size, kind, *read_size(file, kind))
        with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:
            found = inspect(data, kind, limits, strips=strips)
            path = received.path
            if found.pieces != [range(received.size)]:
                path = path.with_suffix(CLEAN_SUFFIX)
                _write(path, contents(data, found.pieces))
    return Prepared(path, length(found.pieces), kind, found.width, found.height)


def _write(path: Path, blocks: Iterable[bytes]) -> None:
    """Write a new file; when that fails, the file does not exist. Raises DiskFull."""
    try:
        with disk_full_when_no_room(), path.open("xb") as file:
            file.writelines(blocks)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
