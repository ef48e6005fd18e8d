"""Write files durably: a full disk as one error, folders with the right mode, synced
folders. Read files: for their digests, and without trusting their owner."""

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
    """Turn the operating system's errors for a full disk or quota into DiskFull."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise DiskFull from error
        raise


def make_folder(folder: Path, mode: int) -> None:
    """Make a folder with this mode, independent of the umask. Raises OSError."""
    folder.mkdir(mode & 0o777)
    # Set-group-ID may be inherited, and systemd's RestrictSUIDSGID= refuses to set it.
    if stat.S_IMODE(folder.stat().st_mode) != mode:
        folder.chmod(mode)


def begin_to_write(file: Path) -> None:
    """Let the kernel start to write a file's cached data, so that a later sync takes less time. Never fails."""
    # Errors are reported by the later sync.
    with suppress(OSError), opened(file) as descriptor:
        # Despite its name it drops no data that is not written yet; it starts to write it (posix_fadvise(2)).
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


@contextmanager
def opened(file: Path) -> Iterator[int]:
    """Open a file for reading; yield its descriptor."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def sync_directory(folder: Path) -> None:
    """Make the file names in `folder` durable. The fsync of a file does not do that (fsync(2))."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def digests_of(path: Path) -> Digests:
    """Return the digests of a file, which is read once. Raises OSError."""
    # Not for security: addresses have always contained the md5.
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK_BYTES):
            md5.update(block)
            sha256.update(block)
    return Digests(md5.hexdigest(), sha256.hexdigest())


def read_distrusted(path: Path, max_bytes: int) -> str:
    """Read a file that another user can replace, for example by a link to a secret or an endless pipe.

    Raises OSError when it cannot be opened, ValueError when it is not a regular
    file, is longer than `max_bytes`, or is not UTF-8.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:  # noqa: PTH123 — a descriptor, not a path
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            msg = "it is not a regular file"
            raise ValueError(msg)
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        msg = f"it is longer than {max_bytes} bytes"
        raise ValueError(msg)
    return content.decode()
