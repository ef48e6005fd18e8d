"""What every durable write needs: a word for "full", directories of the right
mode, and directories that keep their names. And reads: one for digests, one that trusts nobody."""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from authsvc.errors import DiskFull
from authsvc.model import Digests

_BLOCK_BYTES: Final = 2**18
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def disk_full_when_no_room() -> Iterator[None]:
    """Turn the operating system's words for a full disk or quota into DiskFull."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise DiskFull from error
        raise


def make_folder(folder: Path, mode: int) -> None:
    """Make a folder with this mode, whatever the umask is. Raises OSError."""
    folder.mkdir(mode & 0o777)
    # Set-group-ID may be inherited, and systemd's RestrictSUIDSGID= refuses to set it.
    if stat.S_IMODE(folder.stat().st_mode) != mode:
        folder.chmod(mode)


def begin_to_write(file: Path) -> None:
    """Have the kernel start to write what it holds of a file, so that a later sync waits for less. Never fails."""
    # Whoever syncs the file hears of its errors.
    with suppress(OSError), opened(file) as descriptor:
        # Not for what its name says: what waits to be written is not dropped (posix_fadvise(2)).
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


@contextmanager
def opened(file: Path) -> Iterator[int]:
    """Open a file to read, without a buffer: a descriptor."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def sync_directory(folder: Path) -> None:
    """Make the names in `folder` durable: a file's own fsync does not (fsync(2))."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def digests_of(path: Path) -> Digests:
    """Return the digests of a file's bytes, which are read once. Raises OSError."""
    # Not for security: md5 is the name that the addresses have always had.
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK_BYTES):
            md5.update(block)
            sha256.update(block)
    return Digests(md5.hexdigest(), sha256.hexdigest())


def read_distrusted(path: Path, max_bytes: int) -> str:
    """Read a file that another user can replace: by a link to a secret, a pipe without end.

    Raises OSError for what cannot be opened, ValueError for what is no regular
    file of UTF-8 within `max_bytes`.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:  # noqa: PTH123 — a descriptor, not a path
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            msg = "it is no regular file"
            raise ValueError(msg)
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        msg = f"it is longer than {max_bytes} bytes"
        raise ValueError(msg)
    return content.decode()
