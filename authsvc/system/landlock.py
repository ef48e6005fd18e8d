"""Give up rights to files, the network and other processes: landlock(7).

Linux has it since 5.13, unless it is switched off; later versions can forbid more.
"""

import ctypes
import os
import struct
from typing import Final

from authsvc.system.linux import system_call

TCP_VERSION: Final = 4
"""The first version that restricts TCP (Linux 6.7)."""
SCOPE_VERSION: Final = 6
"""The first version that restricts signals and abstract sockets to the process itself (Linux 6.12)."""

# The same on all architectures.
_CREATE_RULESET: Final = 444
_RESTRICT_SELF: Final = 446
_FLAG_VERSION: Final = 1

# linux/landlock.h
_EXECUTE: Final = 1 << 0
_READ_FILE: Final = 1 << 2
_READ_DIR: Final = 1 << 3
_READS: Final = _EXECUTE | _READ_FILE | _READ_DIR
_FILE_RIGHTS_SINCE: Final = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
"""All rights to files and folders, by the version that introduced them: also moving, truncating, ioctl on devices."""
_TCP_RIGHTS: Final = 0b11  # bind, connect
_SCOPES: Final = 0b11  # abstract sockets, signals


def landlock_version() -> int:
    """Return the version of Landlock that the kernel offers; 0 if it has none, or it is switched off."""
    try:
        return system_call(_CREATE_RULESET, None, ctypes.c_size_t(0), _FLAG_VERSION)
    except OSError:
        # ENOSYS or EOPNOTSUPP; EPERM where a filter for system calls does not know it.
        return 0


def restrict_thread(*, reads: bool) -> int:
    """Forbid the calling thread, and threads that it starts later, every change of files and folders.

    Where the kernel can, also TCP, and signals to other processes and their abstract sockets.
    With `reads`, also opening a file or folder for reading, and starting a program. Descriptors
    that are open can still be used. It cannot be undone. Returns the version of Landlock that
    forbids it; 0: nothing is forbidden.

    The thread needs `refuse_new_privileges()` before. Raises OSError when the kernel refuses it.
    """
    version = landlock_version()
    if not version:
        return 0
    files = sum(rights for since, rights in _FILE_RIGHTS_SINCE.items() if since <= version)
    tcp = _TCP_RIGHTS if version >= TCP_VERSION else 0
    scopes = _SCOPES if version >= SCOPE_VERSION else 0
    # Older kernels accept a longer struct if what they do not know is zero. Without a rule, no right is given back.
    attributes = struct.pack("=QQQ", files if reads else files & ~_READS, tcp, scopes)
    ruleset = system_call(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    try:
        system_call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return version
