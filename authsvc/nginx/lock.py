"""One command at a time changes nginx's files, and a reload that is pending is remembered."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LOCK_NAME: Final = ".authsvc.lock"
"""This file is beside nginx's main file. Only root may open it, so nobody else can keep root waiting."""
_LOCK_MODE: Final = 0o600
_PENDING: Final = b"a reload of nginx is pending\n"


@dataclass(frozen=True, slots=True)
class ConfigLock:
    """The right to change authsvc's files in one nginx, while its context lasts.

    The lock file remembers a pending reload: if a command is killed between a
    change and its reload, the next command reloads nginx.
    """

    path: Path
    descriptor: int
    was_pending: bool
    """Whether an earlier command has changed files that nginx has not read."""

    @contextmanager
    def change(self) -> Iterator[None]:
        """Remember, before the block, that nginx has to be reloaded; forget it if the block raises.

        A block that raises must leave every file unchanged.
        """
        self.reload_pending()
        try:
            yield
        except BaseException:
            if not self.was_pending:
                self.reload_done()
            raise

    def reload_pending(self) -> None:
        """Remember that nginx has to be reloaded."""
        os.pwrite(self.descriptor, _PENDING, 0)
        os.fsync(self.descriptor)

    def reload_done(self) -> None:
        """Forget it: nginx has read the files, or nothing has changed."""
        if os.fstat(self.descriptor).st_size:
            os.ftruncate(self.descriptor, 0)

    def remove(self) -> None:
        """Remove the lock file itself, at the end of an uninstallation."""
        self.path.unlink(missing_ok=True)


@contextmanager
def acquire(main_file: Path) -> Iterator[ConfigLock]:
    """Wait for other commands that change authsvc's files, so that an older list never wins. Raises OSError."""
    path = main_file.parent / LOCK_NAME
    descriptor = _locked(path)
    try:
        yield ConfigLock(path, descriptor, os.fstat(descriptor).st_size > 0)
    finally:
        os.close(descriptor)


def _locked(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, _LOCK_MODE)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # The command before may have removed the file in the meantime.
        if path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
        os.close(descriptor)
