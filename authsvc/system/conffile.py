"""Files that a person may edit: an edited one is never overwritten.

What we have last written stands in a second file, the default. As long as both
are the same nobody has edited the first, and a newer default replaces both;
afterwards only the default follows.
"""

import enum
from pathlib import Path
from typing import Final

from authsvc.system.file_changes import FileChanges

CONFFILE_MODE: Final = 0o644


class Outcome(enum.Enum):
    """What has become of the file."""

    WRITTEN = "written"
    UNCHANGED = "unchanged"
    KEPT = "edited by hand, so it was left alone"


def write_conffile(
    changes: FileChanges, path: Path, text: str, *, default: Path, mode: int = CONFFILE_MODE, gid: int | None = None
) -> Outcome:
    """Write `text` to `path` unless somebody has edited that, and to `default` in any case.

    A symbolic link at `path` counts as edited. Raises OSError.
    """
    is_ours = not path.is_symlink() and (not path.exists() or is_unedited(path, default=default))
    if is_ours:
        changes.write(path, text, mode=mode, gid=gid)
    outcome = Outcome.WRITTEN if path in changes.changed else Outcome.UNCHANGED
    changes.write(default, text, mode=mode, gid=gid)
    # By hand it may have become what it would be anyway.
    return outcome if is_ours or is_unedited(path, default=default) else Outcome.KEPT


def is_unedited(path: Path, *, default: Path) -> bool:
    """Return whether `path` is as we have written it."""
    return default.is_file() and path.is_file() and path.read_bytes() == default.read_bytes()
