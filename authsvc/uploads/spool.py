"""Write an upload to a spool file while hashing it."""

import hashlib
import io
import threading
import uuid
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from aiofiles.threadpool import wrap

from authsvc.errors import Empty, TooLarge
from authsvc.model import Digests, Spooled
from authsvc.system.durable import begin_to_write, disk_full_when_no_room

BLOCK_BYTES: Final = 256 * 1024
"""A thread hashes and writes this many bytes at a time. One upload holds no more
in memory."""


class _HashingFile(io.FileIO):
    """A file that is created by its first write, and hashes what is written."""

    def __init__(self, path: Path) -> None:
        # Opened later, on a thread: creating a file waits for the disk, too.
        self._path = path
        # Not for security: addresses have always been built from the md5.
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256()
        self._in_use = threading.Lock()
        self.is_abandoned = False
        """Whether it was closed permanently, so that nothing more is written."""

    def close(self) -> None:
        # Wait for a thread that still writes for a cancelled task: after the
        # close, its file descriptor could belong to another file.
        with self._in_use:
            self.is_abandoned = True
            super().close()

    def hash(self, data: bytes | bytearray) -> None:
        """Hash bytes that `save` will write."""
        self._md5.update(data)
        self._sha256.update(data)

    def write(self, data: bytes | bytearray) -> int:  # type: ignore[override]  # narrower than Buffer on purpose
        self.hash(data)
        return self.save(data)

    def rewrite(self, blocks: Iterable[bytes]) -> int:
        """Replace the whole content, and hash it; return its length."""
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256()
        self.seek(0)
        size = sum(map(self.write, blocks))
        with disk_full_when_no_room():
            self.truncate()
        return size

    def save(self, data: bytes | bytearray) -> int:
        """Write bytes that `hash` has seen."""
        view = memoryview(data)
        with disk_full_when_no_room(), self._in_use:
            if self.closed and not self.is_abandoned:
                super().__init__(self._path, "xb")
            while view:
                view = view[super().write(view) :]
        return len(data)

    @property
    def digests(self) -> Digests:
        return Digests(self._md5.hexdigest(), self._sha256.hexdigest())


class Spool:
    """An upload while it is written to the disk; an async context manager.

    The file is removed when the context ends. A store that has linked it keeps
    the bytes.
    """

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self._path = folder / f"{uuid.uuid4().hex}.part"
        self._max_bytes = max_bytes
        self._size = 0
        self._block = bytearray()
        self._is_hashed = False
        self._raw = _HashingFile(self._path)
        self._file = wrap(self._raw)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        # Not on a thread: a task that is cancelled here must leave no file either.
        self.discard()

    def discard(self) -> None:
        """Remove the file, unless that was done before. Waits for a thread that writes to it."""
        if not self._raw.is_abandoned:
            self._raw.close()
            self._path.unlink(missing_ok=True)

    async def write(self, data: bytes) -> None:
        """Add the next bytes.

        Raises TooLarge as soon as there are more than `max_bytes`, DiskFull when
        the disk has no room.
        """
        self._size += len(data)
        if self._size > self._max_bytes:
            raise TooLarge(limit_bytes=self._max_bytes)
        self._block += data
        if len(self._block) >= BLOCK_BYTES:
            await self._file.write(self._taken_block())

    def hash_rest(self) -> None:
        """Hash the rest, which is less than a block, after the last `write`.

        Call it on the event loop, where it takes at most half a millisecond,
        before `complete` on a thread. With 32 clients this stored a tenth more
        uploads than a thread that hashed all of them: during that, the event
        loop had to wait for the interpreter.

        Raises Empty when there are no bytes.
        """
        if not self._size:
            raise Empty
        if not self._is_hashed:
            self._raw.hash(self._block)
            self._is_hashed = True

    def complete(self) -> Spooled:
        """Write the rest and return the complete file. A second call returns the same file.

        Blocking; call it on a thread. Raises Empty when there are no bytes, DiskFull when the disk has no room.
        """
        self.hash_rest()
        self._raw.save(self._taken_block())
        if self._size > BLOCK_BYTES:
            # The disk can write it while the picture is decoded.
            begin_to_write(self._path)
        return Spooled(self._path, self._size, self._raw.digests)

    def replace(self, content: Iterable[bytes]) -> Spooled:
        """Write other content into the complete file; return it with its new digests.

        Blocking; call it on a thread. Raises DiskFull when the disk has no room.
        """
        return Spooled(self._path, self._raw.rewrite(content), self._raw.digests)

    def _taken_block(self) -> bytearray:
        block, self._block = self._block, bytearray()
        return block


def clear_spool(folder: Path) -> int:
    """Remove the files that a killed service has left; return how many.

    Only for the one service of this data folder, before it accepts uploads.
    """
    leftovers = list(folder.glob("*.part"))
    for leftover in leftovers:
        leftover.unlink(missing_ok=True)
    return len(leftovers)
