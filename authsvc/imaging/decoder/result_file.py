"""A file in memory through which a worker returns a picture."""

import fcntl
import os
from collections.abc import Iterator
from typing import Final, Self

BLOCK_BYTES: Final = 2**18

_SEALS: Final = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL


class ResultFile:
    """An empty file in memory, for one answer of one worker. Close it; it is also a context manager.

    The worker gets a descriptor that can write. After `seal`, nobody can change the file
    any more, not even with a descriptor that is still open.
    """

    def __init__(self) -> None:
        self.descriptor = os.memfd_create("result", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def seal(self) -> None:
        """Make the content final. Raises OSError while a process has it mapped for writing: F_ADD_SEALS(2const)."""
        fcntl.fcntl(self.descriptor, fcntl.F_ADD_SEALS, _SEALS)

    @property
    def size(self) -> int:
        """The length in bytes."""
        return os.fstat(self.descriptor).st_size

    def blocks(self) -> Iterator[bytes]:
        """Yield the content, a block at a time."""
        at = 0
        while block := os.pread(self.descriptor, BLOCK_BYTES, at):
            at += len(block)
            yield block

    def close(self) -> None:
        """Free the memory. May be called again."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
