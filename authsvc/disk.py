"""The two things every durable write needs: a word for "full", and directories
that keep their names."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from authsvc.errors import Full

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def full_when_no_room() -> Iterator[None]:
    """Turn the operating system's words for a full disk or quota into Full."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise Full from error
        raise


def sync_directory(folder: Path) -> None:
    """Make the names in `folder` durable: a file's own fsync does not (fsync(2))."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
