"""The cache of sizes: files that nginx finds by itself, and that may be deleted at any time."""

import errno
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authsvc.model import Key
from authsvc.sizes.request import SUFFIXES, FileSuffix, SizeRequest
from authsvc.system.durable import disk_full_when_no_room, make_folder, opened

FILE_MODE: Final = 0o640
FOLDER_MODE: Final = 0o2750
"""Readable by nginx's group; set-group-ID, so that new files and folders get that group too."""
TRIMMED_TO: Final = 0.9
"""The share of the limit that is in use after a trim, so that not every new size has to make room."""

_TEMPORARY: Final = "tmp"
# Another file system; another user's file under fs.protected_hardlinks (proc_sys_fs(5)), or a file
# system without links; more links than a file may have.
_NO_LINK: Final = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK})
_ATTEMPTS: Final = 5


class SizeCache:
    """Sizes below `root`, each in the folder of its picture: `7b/e4….jpg/800.webp`.

    `group_of` is a folder whose group may read the cache. When the files take more than `max_bytes`, the
    least recently read ones are deleted. Blocking; for any number of threads and several
    processes, of which only one publishes.
    """

    def __init__(self, root: Path, *, group_of: Path, max_bytes: int) -> None:
        self._root = root
        self._group_of = group_of
        self._max_bytes = max_bytes
        self._used_bytes: int | None = None

    def path(self, key: Key, width: int, suffix: FileSuffix) -> Path:
        """Return the path of such a size, whether or not it exists."""
        return self._folder(key) / f"{width}.{suffix.format(extension=key.extension)}"

    def has(self, request: SizeRequest) -> bool:
        """Return whether nginx finds a file for this request."""
        return any(self.path(request.key, request.width, suffix).is_file() for suffix in SUFFIXES[request.best_format])

    def new_path(self) -> Path:
        """Return the path for a new file, to be passed to `publish` or `discard`."""
        self._make(self._root / _TEMPORARY)
        return self._root / _TEMPORARY / f"{uuid.uuid4().hex}.part"

    def discard(self, file: Path) -> None:
        """Delete a file of `new_path` that was not published."""
        file.unlink(missing_ok=True)

    def publish(self, file: Path, key: Key, width: int, suffix: FileSuffix) -> None:
        """Move `file` to its place, atomically and durably.

        Raises DiskFull without room.
        """
        with disk_full_when_no_room():
            with opened(file) as descriptor:
                os.fchmod(descriptor, FILE_MODE)
                # After a power cut the name may be there without the bytes, and nginx would send an empty file.
                os.fsync(descriptor)
                size = os.fstat(descriptor).st_size
            self._place(key, lambda: file.replace(self.path(key, width, suffix)))
        self._count(size)

    def link(self, source: Path, key: Key, width: int, suffix: FileSuffix) -> None:
        """Use the picture's own file `source`, or a copy of it, in place of that size.

        Raises DiskFull without room.
        """

        def link() -> None:
            with suppress(FileExistsError):
                os.link(source, self.path(key, width, suffix))

        try:
            with disk_full_when_no_room():
                self._place(key, link)
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
            self._copy(source, key, width, suffix)

    def remove(self, key: Key) -> None:
        """Delete all sizes of a picture."""
        shutil.rmtree(self._folder(key), ignore_errors=True)

    def clear_temporary(self) -> None:
        """Delete the unfinished files of a killed service. For the one process that publishes, at its start."""
        shutil.rmtree(self._root / _TEMPORARY, ignore_errors=True)

    def trim(self) -> int:
        """If the cache is over its limit, delete the least recently read files; return how many."""
        files = sorted(_files(self._root))
        used = sum(file.size for file in files)
        deleted = 0
        if used > self._max_bytes:
            for file in files:
                if used <= self._max_bytes * TRIMMED_TO:
                    break
                file.path.unlink(missing_ok=True)
                with suppress(OSError):  # the picture has other sizes
                    file.path.parent.rmdir()
                used -= file.size
                deleted += 1
        self._used_bytes = used
        return deleted

    def _copy(self, source: Path, key: Key, width: int, suffix: FileSuffix) -> None:
        copy = self.new_path()
        try:
            with disk_full_when_no_room():
                shutil.copyfile(source, copy)
            self.publish(copy, key, width, suffix)
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
        """Call `act`, which makes a name in the picture's folder; again if the folder is deleted meanwhile."""
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
        """Make a folder and the missing ones above it, up to the cache's root."""
        for each in (self._root, *(p for p in reversed(folder.parents) if self._root in p.parents), folder):
            with suppress(FileExistsError, FileNotFoundError):
                make_folder(each, FOLDER_MODE)
                if each == self._root:
                    self._share()

    def _share(self) -> None:
        """Give a root that was deleted and made again to the group that could read it before."""
        group = self._group_of.stat().st_gid
        if self._root.stat().st_gid != group:
            os.chown(self._root, -1, group)
            self._root.chmod(FOLDER_MODE)  # after chown, which may clear set-group-ID: chown(2)


@dataclass(frozen=True, slots=True, order=True)
class _File:
    """A file of the cache: when it was last used, and how many bytes its deletion frees."""

    used_at: float
    size: int
    path: Path


def _files(root: Path) -> Iterator[_File]:
    for path in root.glob("[0-9a-f][0-9a-f]/*/*"):
        with suppress(FileNotFoundError):
            facts = path.stat()
            # Most file systems record a read at most once a day (relatime, mount(8)), some never.
            used_at = max(facts.st_atime, facts.st_mtime)
            # Deleting a link to the picture itself frees nothing.
            yield _File(used_at, facts.st_size if facts.st_nlink == 1 else 0, path)
