"""Take turns at changing nginx's files, and owe nginx a reload until it is done."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LOCK_NAME: Final = ".authsvc.lock"
"""Beside nginx's main file. Nobody but root may open it, and so hold up root."""
_LOCK_MODE: Final = 0o600
_DUE: Final = b"a reload of nginx is due\n"


@dataclass(frozen=True, slots=True)
class ConfigLock:
    """The right to change authsvc's files in one nginx, as long as its context lasts.

    A reload that is due is remembered in the lock file: whoever is killed
    between a change and its reload leaves it to the next.
    """

    path: Path
    descriptor: int
    was_due: bool
    """Whether somebody before has changed files that nginx has not read."""

    def reload_pending(self) -> None:
        """Remember, before a file changes, that nginx will have to read it."""
        os.pwrite(self.descriptor, _DUE, 0)
        os.fsync(self.descriptor)

    @contextmanager
    def taking_back(self) -> Iterator[None]:
        """Owe no reload for a change within that fails, because everything is as before then."""
        try:
            yield
        except BaseException:
            if not self.was_due:
                self.reload_done()
            raise

    def reload_done(self) -> None:
        """Forget it: nginx has read them, or there is nothing to read."""
        if os.fstat(self.descriptor).st_size:
            os.ftruncate(self.descriptor, 0)

    def leave_nothing(self) -> None:
        """Remove the lock file itself, at the end of an uninstallation."""
        self.path.unlink(missing_ok=True)


@contextmanager
def acquire(main_file: Path) -> Iterator[ConfigLock]:
    """Wait for whoever else changes authsvc's files, so that an older list never wins. Raises OSError."""
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
        # Whoever had it may have removed it in the meantime.
        if path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
        os.close(descriptor)
