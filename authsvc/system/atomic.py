"""Replace files, links and folders whole or not at all, even when the process is killed or the power fails."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from authsvc.system.durable import sync_directory
from authsvc.system.linux import exchange_names

FILE_MODE: Final = 0o644
LEFTOVERS: Final = (".new", ".former")
"""Suffixes of the hidden files that a killed process may leave beside a path."""

New = bytes | Path | None
"""What a path becomes: a file with these bytes, a symbolic link to this path, or nothing."""


def write_file(path: Path, content: bytes, *, mode: int = FILE_MODE, gid: int | None = None) -> None:
    """Replace `path` by a file with this content, mode and group (None: as for any new file).

    A symbolic link is replaced, not followed. Raises OSError; what was there is
    then still there.
    """
    with _renamed_to(path) as fresh:
        # EXCL: a link that somebody puts there in between is not followed.
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if gid is not None:
                os.fchown(descriptor, -1, gid)
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)


def is_like(path: Path, new: New) -> bool:
    """Return whether `path` is already what it would become."""
    if new is None:
        return not os.path.lexists(path)
    if isinstance(new, Path):
        return path.is_symlink() and path.readlink() == new
    return path.is_file() and not path.is_symlink() and path.read_bytes() == new


@contextmanager
def replaced(path: Path, new: New, *, mode: int = FILE_MODE, gid: int | None = None) -> Iterator[None]:
    """Replace a file or link, unless it is like `new`; put it back, with its owner and mode, if the block raises.

    `mode` and `gid` are for a new file: see `write_file`.
    """
    if is_like(path, new):
        yield
        return
    former = _hidden(path, "former")
    former.unlink(missing_ok=True)
    if os.path.lexists(path):
        os.link(path, former, follow_symlinks=False)
    try:
        if isinstance(new, Path):
            with _renamed_to(path) as fresh:
                fresh.symlink_to(new)
        elif new is None:
            path.unlink()
        else:
            write_file(path, new, mode=mode, gid=gid)
        yield
    except BaseException:
        former.replace(path) if os.path.lexists(former) else path.unlink(missing_ok=True)
        raise
    finally:
        # Still there if both names are one file: rename(2) then does nothing.
        former.unlink(missing_ok=True)
    sync_directory(path.parent)


def exchange(one: Path, other: Path) -> None:
    """Let two paths change places, in one step where the file system can (renameat2(2)). Raises OSError."""
    if not exchange_names(one, other):
        # NFS and older ZFS cannot: for a moment nothing is at `other`.
        aside = one.with_name(f"{one.name}.aside")
        other.rename(aside)
        one.rename(other)
        aside.rename(one)


@contextmanager
def _renamed_to(path: Path) -> Iterator[Path]:
    """Yield a hidden name; what the block puts there takes the place of `path`."""
    fresh = _hidden(path, "new")
    fresh.unlink(missing_ok=True)
    try:
        yield fresh
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    sync_directory(path.parent)


def _hidden(path: Path, suffix: str) -> Path:
    """Return a name beside `path` that nginx does not see when it includes the whole folder."""
    return path.with_name(f".{path.name}.{suffix}")
