"""The port that every blob store implements, and its contract."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from authsvc.model import Key


@dataclass(frozen=True, slots=True)
class BlobStat:
    """What a store knows of one blob: its size in bytes, and when it was stored, in seconds since the epoch."""

    key: Key
    size: int
    stored_at: int


@dataclass(frozen=True, slots=True, order=True)
class Aside:
    """A blob that was set aside; `name` is the store's own for it, never used twice."""

    key: Key
    name: str


@dataclass(frozen=True, slots=True)
class Put:
    """A file to be stored under a key; `sha256` is the hex digest of its bytes."""

    key: Key
    source: Path
    sha256: str


class BlobStore(ABC):
    """Blobs under keys. Blocking; call it on a thread, from any number of them.

    A blob is whole or absent to every reader at every moment, also after the
    process is killed or the machine loses power.
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
        """Store each file as `put` does; together they wait for the disk less often.

        Returns, in their order, what `put` would have returned or raised: one
        that fails harms no other.
        """

    def put(self, key: Key, source: Path, *, sha256: str) -> bool:
        """Store the file `source` under `key`, unless the same bytes are there.

        `sha256` is the hex digest of the file. Returns True when this call
        stored it, False when the blob was there already; in both cases the
        blob is durable when this returns. `source` stays and may share its
        storage with the blob from now on: remove it, never write to it.

        Raises Collision when other bytes are stored under `key` (they stay),
        DiskFull when there is no room (nothing is stored).
        """
        (result,) = self.put_all([Put(key, source, sha256)])
        if isinstance(result, Exception):
            raise result
        return result

    @abstractmethod
    def as_file(self, key: Key) -> AbstractContextManager[Path]:
        """Return a context in which the blob is a file, to be read by another program.

        The file is only read, and may be gone behind the context. Raises
        FileNotFoundError without the blob.
        """

    @abstractmethod
    def stat(self, key: Key) -> BlobStat | None:
        """Return what is known of the blob, or None without one."""

    @abstractmethod
    def set_aside(self, key: Key) -> Aside | None:
        """Move the blob durably to where no reader finds it; None without one.

        It is there, whatever happens, until it is dropped.
        """

    @abstractmethod
    def aside(self) -> Iterator[Aside]:
        """Yield everything that is aside, in order of keys."""

    @abstractmethod
    def put_back(self, aside: Aside, *, sha256: str) -> None:
        """Put a blob that is aside back into its place as well, if its bytes have this hex SHA-256.

        Durable when this returns. Does nothing when the blob is not aside any
        more, or has other bytes. Raises Collision when other bytes are in the
        place (they are kept).
        """

    @abstractmethod
    def drop(self, aside: Aside) -> None:
        """Delete a blob that is aside, if it still is."""

    @abstractmethod
    def keys(self, prefix: str = "") -> Iterator[Key]:
        """Yield the keys whose digest begins with `prefix`, in order.

        `prefix` is 0 to 32 hex digits. Files that are no blobs are passed over.
        """
