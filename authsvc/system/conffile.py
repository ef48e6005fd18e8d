"""Files that a person may edit: an edited file is never overwritten.

A second file, the default, has what we have last written. While both are the
same, nobody has edited the first, and a newer default replaces both. After an
edit only the default changes.
"""

import enum
from collections.abc import Collection
from contextlib import nullcontext
from pathlib import Path

from authsvc.system.atomic import FILE_MODE, is_like, replaced


class Outcome(enum.Enum):
    """What was done with the file."""

    WRITTEN = "written"
    UNCHANGED = "unchanged"
    KEPT = "edited by hand, so it was not changed"


def write_conffile(path: Path, text: str, *, default: Path, mode: int = FILE_MODE, gid: int | None = None) -> Outcome:
    """Write `text` to `path` unless somebody has edited that, and to `default` in any case.

    Raises OSError; `path` is then as before.
    """
    content = text.encode()
    written = {default.read_bytes()} if default.is_file() else set()
    is_new, is_kept = not is_like(path, content), is_edited(path, written)
    with (
        nullcontext() if is_kept else replaced(path, content, mode=mode, gid=gid),
        replaced(default, content, mode=mode, gid=gid),
    ):
        pass
    if not is_new:
        return Outcome.UNCHANGED
    return Outcome.KEPT if is_kept else Outcome.WRITTEN


def is_edited(path: Path, written: Collection[bytes]) -> bool:
    """Return whether `path` differs from every version that we have written. A symbolic link counts as edited."""
    return path.is_symlink() or (path.exists() and path.read_bytes() not in written)
