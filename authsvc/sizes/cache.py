"""The cache of derivatives: files that nginx finds by itself, and that may all be wiped at any time."""

import errno
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from authsvc.model import Key
from authsvc.system.durable import disk_full_when_no_room, make_folder, opened

FILE_MODE: Final = 0o640
FOLDER_MODE: Final = 0o2750
"""For nginx's group, and set-group-ID, so that the group is handed on."""
READER_TIMEOUT_SECONDS: Final = 5
"""A reader waits that long for a derivative, and then gets the picture itself while it goes on being made."""
TRIMMED_TO: Final = 0.9
"""How full the cache is left, so that not every new derivative has to make room."""

_TEMPORARY: Final = "tmp"
# Another file system; another user's file under fs.protected_hardlinks (proc_sys_fs(5)), or a file
# system without links; more links than a file may have.
_NO_LINK: Final = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK})
_ATTEMPTS: Final = 5


class BestFormat(StrEnum):
    """What a reader's Accept header comes to: the newest format that it names."""

    AVIF = "avif"
    WEBP = "webp"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True, order=True)
class SizeRequest:
    """A derivative that a reader asks for; `width` is one of WIDTHS, in pixels."""

    key: Key
    width: int
    accepts: BestFormat


class End(StrEnum):
    """How a derivative's file name ends, behind its width and a dot; nginx tells its type from the last letters.

    WEBP_PLAIN is for readers who take WebP, where that was of no use: the
    picture itself, or another derivative of its own type.
    """

    AVIF = "avif"
    WEBP = "webp"
    WEBP_PLAIN = "webp.{extension}"
    PLAIN = "plain.{extension}"


ENDS: Final = {
    BestFormat.AVIF: (End.AVIF, End.WEBP, End.WEBP_PLAIN),
    BestFormat.WEBP: (End.WEBP, End.WEBP_PLAIN),
    BestFormat.PLAIN: (End.PLAIN,),
}
"""What nginx looks for, in this order, for each kind of reader."""


class DerivativeCache:
    """Derivatives below `root`, each in its picture's folder: `7b/e4….jpg/800.webp`.

    `beside` is a folder whose group may read the cache. When files take more than `max_bytes`, those that
    were not read for the longest go. Blocking; for any number of threads, and for several processes, of which
    one alone publishes.
    """

    def __init__(self, root: Path, *, beside: Path, max_bytes: int) -> None:
        self._root = root
        self._beside = beside
        self._max_bytes = max_bytes
        self._used_bytes: int | None = None

    def path(self, key: Key, width: int, end: End) -> Path:
        """Return where such a derivative is, if it is there."""
        return self._folder(key) / f"{width}.{end.format(extension=key.extension)}"

    def has(self, wanted: SizeRequest) -> bool:
        """Return whether nginx finds what is wanted."""
        return any(self.path(wanted.key, wanted.width, end).is_file() for end in ENDS[wanted.accepts])

    def new_path(self) -> Path:
        """Return the path of a file to be made and published, or else discarded."""
        self._make(self._root / _TEMPORARY)
        return self._root / _TEMPORARY / f"{uuid.uuid4().hex}.part"

    def discard(self, file: Path) -> None:
        """Remove a file that was to be published, unless it is."""
        file.unlink(missing_ok=True)

    def publish(self, file: Path, key: Key, width: int, end: End) -> None:
        """Make `file` that derivative: whole to every reader at every moment, also after a power cut.

        Raises DiskFull without room.
        """
        with disk_full_when_no_room():
            with opened(file) as descriptor:
                os.fchmod(descriptor, FILE_MODE)
                # The name may come back before the bytes do, and would stand for none of them.
                os.fsync(descriptor)
                size = os.fstat(descriptor).st_size
            self._place(key, lambda: file.replace(self.path(key, width, end)))
        self._count(size)

    def link(self, source: Path, key: Key, width: int, end: End) -> None:
        """Let the picture's own file `source` stand for that derivative, or a copy of it.

        Raises DiskFull without room.
        """

        def link() -> None:
            with suppress(FileExistsError):
                os.link(source, self.path(key, width, end))

        try:
            with disk_full_when_no_room():
                self._place(key, link)
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
            self._copy(source, key, width, end)

    def remove(self, key: Key) -> None:
        """Remove all derivatives of a picture."""
        shutil.rmtree(self._folder(key), ignore_errors=True)

    def clear_temporary(self) -> None:
        """Remove what a killed service has left. For the one process that publishes, at its start."""
        shutil.rmtree(self._root / _TEMPORARY, ignore_errors=True)

    def trim(self) -> int:
        """Remove what was not read for the longest, if all of it takes too much; return how many files went."""
        files = sorted(_files(self._root))
        used = sum(file.size for file in files)
        gone = 0
        if used > self._max_bytes:
            for file in files:
                if used <= self._max_bytes * TRIMMED_TO:
                    break
                file.path.unlink(missing_ok=True)
                with suppress(OSError):  # its picture has other derivatives
                    file.path.parent.rmdir()
                used -= file.size
                gone += 1
        self._used_bytes = used
        return gone

    def _copy(self, source: Path, key: Key, width: int, end: End) -> None:
        copy = self.new_path()
        try:
            with disk_full_when_no_room():
                shutil.copyfile(source, copy)
            self.publish(copy, key, width, end)
        finally:
            self.discard(copy)

    def _count(self, size: int) -> None:
        if self._used_bytes is not None:
            self._used_bytes += size
        if self._used_bytes is None or self._used_bytes > self._max_bytes:
            self.trim()

    def _folder(self, key: Key) -> Path:
        return self._root / key.path.removeprefix("/")

    def _place(self, key: Key, act: Callable[[], object]) -> None:
        """Call `act`, which makes a name in the picture's folder, again when that is wiped meanwhile."""
        for attempt in range(_ATTEMPTS):
            self._make(self._folder(key))
            try:
                act()
            except FileNotFoundError:
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                return

    def _make(self, folder: Path) -> None:
        """Make a folder and those above it, up to the cache's own."""
        for each in (self._root, *(p for p in reversed(folder.parents) if self._root in p.parents), folder):
            with suppress(FileExistsError, FileNotFoundError):
                make_folder(each, FOLDER_MODE)
                if each == self._root:
                    self._share()

    def _share(self) -> None:
        """Give a cache that was wiped as a whole to the group that read it before."""
        group = self._beside.stat().st_gid
        if self._root.stat().st_gid != group:
            os.chown(self._root, -1, group)
            self._root.chmod(FOLDER_MODE)  # after it: chown may clear set-group-ID, chown(2)


@dataclass(frozen=True, slots=True, order=True)
class _File:
    """A file of the cache: when it was last used, and what its removal frees, in bytes."""

    used_at: float
    size: int
    path: Path


def _files(root: Path) -> Iterator[_File]:
    for path in root.glob("[0-9a-f][0-9a-f]/*/*"):
        with suppress(FileNotFoundError):
            facts = path.stat()
            # Most disks note a read once a day at the most (relatime, mount(8)), some never do.
            used_at = max(facts.st_atime, facts.st_mtime)
            # A link to the picture itself frees nothing.
            yield _File(used_at, facts.st_size if facts.st_nlink == 1 else 0, path)
