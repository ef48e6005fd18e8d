"""The Unix socket between nginx and the service."""

import os
import socket
from pathlib import Path
from typing import Final

from authsvc.errors import Broken

SERVICE_ARGUMENTS: Final = ("-P", "-m", "authsvc.service.main")
"""Arguments of the Python interpreter that start the service. -P ignores
modules in the current folder."""
LISTEN_FD_OPTION: Final = "--listen-fd"
"""With this option a parent passes the service an inherited socket."""

_BACKLOG: Final = 1024
_SOCKET_MODE: Final = 0o660
"""Open to the service and its group; nginx's user is a member of the group."""


def listen_on(path: Path) -> socket.socket:
    """Return a listening Unix socket at `path`. A socket left over from an earlier process is replaced.

    Only for a process that holds the lock. Raises Broken when the socket cannot be made.
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
