"""The port that every blob store implements, and its contract."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from authsvc.model import Key


@dataclass(frozen=True, slots=True)
class BlobStat:
    """What a store knows about a blob: its size in bytes, and when it was stored, in seconds since the epoch."""

    key: Key
    size: int
    stored_at: int


@dataclass(frozen=True, slots=True, order=True)
class Aside:
    """A blob that was set aside. `name` is the store's name for it there; a name is never used again."""

    key: Key
    name: str


@dataclass(frozen=True, slots=True)
class Put:
    """A file to store under a key; `sha256` is the hex digest of its bytes."""

    key: Key
    source: Path
    sha256: str


class BlobStore(ABC):
    """Blobs under keys. Its methods block; call them on a thread, from any number of threads.

    Every reader finds a blob complete or not at all, also after the process was
    killed or the machine lost power.
    """

    @property
    @abstractmethod
    def folder(self) -> Path | None:
        """The local folder that nginx reads blobs from; None for a store that is not on this machine's disks."""

    @abstractmethod
    def prepare(self) -> None:
        """Make what the store needs before its first blob, where it is missing. Raises OSError."""

    @abstractmethod
    def put_all(self, puts: Sequence[Put]) -> list[bool | Exception]:
        """Store each file as `put` does, with fewer waits for the disk.

        Returns for each file, in their order, what `put` would have returned or
        raised. A failure does not affect the other files.
        """

    def put(self, key: Key, source: Path, *, sha256: str) -> bool:
        """Store the file `source` under `key`, unless the same bytes are there.

        `sha256` is the hex digest of the file. Returns True when this call
        stored it, False when the blob was there before; in both cases the blob
        is durable when this returns. `source` is kept, and may share its
        storage with the blob from now on: delete it, but never write to it.

        Raises Collision when other bytes are stored under `key` (they are kept),
        DiskFull when there is no room (nothing is stored).
        """
        (result,) = self.put_all([Put(key, source, sha256)])
        if isinstance(result, Exception):
            raise result
        return result

    @abstractmethod
    def as_file(self, key: Key) -> AbstractContextManager[Path]:
        """Return a context in which the blob is a local file, for example for another program.

        Do not write to the file; it may not exist after the context. Raises
        FileNotFoundError if there is no such blob.
        """

    @abstractmethod
    def stat(self, key: Key) -> BlobStat | None:
        """Return what is known about the blob; None if there is no such blob."""

    @abstractmethod
    def set_aside(self, key: Key) -> Aside | None:
        """Move the blob durably to where no reader finds it; None if there is no such blob.

        It is kept there until `drop`, also when the process ends. Raises
        DiskFull when there is no room for its name there (it is not moved).
        """

    @abstractmethod
    def aside(self) -> Iterator[Aside]:
        """Yield every blob that is set aside, in the order of their keys."""

    @abstractmethod
    def put_back(self, aside: Aside, *, sha256: str) -> None:
        """Store a blob that is set aside under its key again, if its bytes have this hex SHA-256.

        It is durable when this returns, and also stays aside until `drop`. Does
        nothing if the blob is no longer aside, or has other bytes. Raises
        Collision when other bytes are stored under the key (they are kept).
        """

    @abstractmethod
    def drop(self, aside: Aside) -> None:
        """Delete a blob that is set aside. Does nothing if it is no longer aside."""

    @abstractmethod
    def keys(self, prefix: str = "") -> Iterator[Key]:
        """Yield the keys whose digest begins with `prefix`, in order.

        `prefix` is 0 to 32 hex digits. Files that are not blobs are ignored.
        """
