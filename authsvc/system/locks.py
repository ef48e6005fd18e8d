"""The locks of a data folder: one process for each role."""

import fcntl
from pathlib import Path
from typing import TextIO

from authsvc.errors import InUse


def lock_data_dir(run_dir: Path, role: str) -> TextIO:
    """Become the only `role` of this data folder, until the returned file is closed.

    Raises InUse when another process has that role.
    """
    lock = (run_dir / f"{role}.lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise InUse(
            reason=f"the data folder {str(run_dir.parent)!r} is in use by another `authsvc {role}`; "
            "stop that one, or choose another --data-dir"
        ) from error
    return lock
