"""Blobs as files in 256 folders, where nginx serves them from."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from authsvc.disk import full_when_no_room, make_folder, sync_directory
from authsvc.errors import Collision
from authsvc.model import Key
from authsvc.store.port import BlobStat, BlobStore

BLOB_MODE: Final = 0o640
"""Readable by the group, to which nginx's user belongs; nobody else."""
SHARD_MODE: Final = 0o2750
"""Set-group-ID, so that blobs get the folder's group, whoever stores them."""

SHARDS: Final = tuple(f"{number:02x}" for number in range(256))


def make_shards(root: Path) -> None:
    """Create the store's folders below `root` where they are missing."""
    root.mkdir(mode=SHARD_MODE, parents=True, exist_ok=True)
    for shard in SHARDS:
        with suppress(FileExistsError):
            make_folder(root / shard, SHARD_MODE)
    sync_directory(root)


class FilesystemStore(BlobStore):
    """See BlobStore. `put` links `source` into its shard, so `source` must lie
    on the same file system as `root`, whose shards exist (`make_shards`)."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, key: Key, source: Path, *, sha256: str) -> bool:
        """See BlobStore.put."""
        target = self._path(key)
        with full_when_no_room():
            _sync_file(source)
            while not (is_new := _link(source, target)):
                try:
                    found = _sha256_of(target)
                except FileNotFoundError:
                    continue  # deleted since, so there is nothing to be equal to
                if found != sha256:
                    raise Collision
                break
            # Also for a blob that is there: whoever linked it may not have got here yet.
            sync_directory(target.parent)
        return is_new

    def open(self, key: Key) -> BinaryIO:
        """See BlobStore.open."""
        return self._path(key).open("rb")

    def stat(self, key: Key) -> BlobStat | None:
        """See BlobStore.stat."""
        try:
            return BlobStat(key, self._path(key).stat().st_size)
        except FileNotFoundError:
            return None

    def delete(self, key: Key) -> bool:
        """See BlobStore.delete."""
        target = self._path(key)
        try:
            target.unlink()
        except FileNotFoundError:
            return False
        sync_directory(target.parent)
        return True

    def keys(self, prefix: str = "") -> Iterator[Key]:
        """See BlobStore.keys."""
        for shard in SHARDS:
            if not shard.startswith(prefix[:2]):
                continue
            for path in sorted((self._root / shard).iterdir()):
                with suppress(ValueError):
                    key = Key.parse(f"{shard}/{path.name}")
                    if key.digest.startswith(prefix):
                        yield key

    def _path(self, key: Key) -> Path:
        return self._root / key.shard / key.path.rpartition("/")[2]


def _link(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except FileExistsError:
        return False
    return True


def _sync_file(source: Path) -> None:
    descriptor = os.open(source, os.O_RDONLY)
    try:
        os.fchmod(descriptor, BLOB_MODE)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
