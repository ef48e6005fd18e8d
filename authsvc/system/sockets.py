"""The Unix socket between nginx and the service, and the locks of a data folder."""

import fcntl
import os
import socket
from pathlib import Path
from typing import Final, TextIO

from authsvc.errors import Broken, InUse

SERVICE_ARGUMENTS: Final = ("-P", "-m", "authsvc.service.main")
"""Python's arguments that start the service; -P keeps modules of the current
folder out."""
LISTEN_FD_OPTION: Final = "--listen-fd"
"""By which a parent tells the service which inherited socket to listen on."""

_BACKLOG: Final = 1024
_SOCKET_MODE: Final = 0o660
"""For the service and its group, to which nginx's user belongs."""


def lock_data_dir(run_dir: Path, role: str) -> TextIO:
    """Become the only `role` of this data folder, as long as the result lives.

    Raises InUse when another process is it already.
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


def listen_on(path: Path) -> socket.socket:
    """Return a listening Unix socket at `path`, in place of one left behind.

    Only for a process that holds the lock. Raises Broken when it cannot be made.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        listener.bind(os.fspath(path))
        path.chmod(_SOCKET_MODE)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise Broken(reason=f"the socket {str(path)!r} cannot be made: {error.strerror or error}") from error
    return listener
