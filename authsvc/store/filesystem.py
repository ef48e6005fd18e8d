"""Blobs as files in 256 folders, from which nginx serves them."""

import hashlib
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from authsvc.errors import Collision
from authsvc.model import Key
from authsvc.store.port import Aside, BlobStat, BlobStore, Put
from authsvc.system.durable import disk_full_when_no_room, make_folder, opened, sync_directory

BLOB_MODE: Final = 0o640
"""Readable by its group, to which nginx's user belongs, and by no other user."""
FOLDER_MODE: Final = 0o2750
"""Set-group-ID, so that every blob gets the folder's group, no matter which process stores it."""
TRASH_MODE: Final = 0o700
"""Closed to nginx's group: nothing in it is ever served."""

SHARDS: Final = tuple(f"{number:02x}" for number in range(256))

T = TypeVar("T")


class FilesystemStore(BlobStore):
    """See BlobStore.

    The sources of `put` and the folder `trash` are on the same file system as
    `root`: a blob is linked into its place, and renamed into the trash.
    """

    def __init__(self, root: Path, *, trash: Path) -> None:
        self._root = root
        self._trash = trash

    @property
    def folder(self) -> Path:
        """See BlobStore.folder."""
        return self._root

    def prepare(self) -> None:
        """See BlobStore.prepare. Makes the folders; their parent folder exists."""
        for folder in (self._root, *(self._root / shard for shard in SHARDS)):
            _make_missing(folder, FOLDER_MODE)
        _make_missing(self._trash, TRASH_MODE)
        for folder in (self._root, self._root.parent):
            sync_directory(folder)

    def put_all(self, puts: Sequence[Put]) -> list[bool | Exception]:
        """See BlobStore.put_all."""
        # Sync every file before the first link, and make every link before the first folder is
        # synced: of several syncs in a row, one writes the file system's journal for all.
        unsynced = [_failure(partial(_sync_file, put.source)) for put in puts]
        linked = [
            _outcome(partial(_link_or_compare, put, self._path(put.key))) if error is None else error
            for put, error in zip(puts, unsynced, strict=True)
        ]
        # Also for a blob that was there: the process that linked it may not have synced it yet.
        shards = {put.key.shard for put, result in zip(puts, linked, strict=True) if isinstance(result, bool)}
        failed = {shard: _failure(partial(sync_directory, self._root / shard)) for shard in shards}
        return [
            result if isinstance(result, Exception) else failed[put.key.shard] or result
            for put, result in zip(puts, linked, strict=True)
        ]

    @contextmanager
    def as_file(self, key: Key) -> Iterator[Path]:
        """See BlobStore.as_file. The file is the stored blob itself."""
        path = self._path(key)
        path.stat()
        yield path

    def stat(self, key: Key) -> BlobStat | None:
        """See BlobStore.stat."""
        try:
            status = self._path(key).stat()
        except FileNotFoundError:
            return None
        return BlobStat(key, status.st_size, int(status.st_mtime))

    def set_aside(self, key: Key) -> Aside | None:
        """See BlobStore.set_aside. Renames the file into the trash."""
        source, aside = self._path(key), Aside(key, f"{key}.{uuid.uuid4().hex}")
        with disk_full_when_no_room():
            # A data folder of an older version does not have it before the service has started once.
            if _make_missing(self._trash, TRASH_MODE):
                sync_directory(self._trash.parent)
            try:
                source.rename(self._trash / aside.name)
            except FileNotFoundError:
                return None
            # In this order: a power cut in between may leave both names, but must not lose both.
            sync_directory(self._trash)
            sync_directory(source.parent)
        return aside

    def aside(self) -> Iterator[Aside]:
        """See BlobStore.aside."""
        for path in sorted(self._trash.iterdir()):
            with suppress(ValueError):
                yield Aside(Key.parse(path.name.rpartition(".")[0]), path.name)

    def put_back(self, aside: Aside, *, sha256: str) -> None:
        """See BlobStore.put_back."""
        source = self._trash / aside.name
        with suppress(FileNotFoundError):
            if _sha256_of(source) == sha256:
                self.put(aside.key, source, sha256=sha256)

    def drop(self, aside: Aside) -> None:
        """See BlobStore.drop. A power cut may undo it; the next start repeats it."""
        (self._trash / aside.name).unlink(missing_ok=True)

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


def _make_missing(folder: Path, mode: int) -> bool:
    """Make the folder; return False when it was there."""
    try:
        make_folder(folder, mode)
    except FileExistsError:
        return False
    return True


def _outcome(act: Callable[[], T]) -> T | Exception:
    """Return what `act` returns, or the error that it raises."""
    try:
        with disk_full_when_no_room():
            return act()
    except Exception as error:  # noqa: BLE001 — any error is the result of one put
        return error


def _failure(act: Callable[[], object]) -> Exception | None:
    """Return the error that `act` raises, if any."""
    result = _outcome(act)
    return result if isinstance(result, Exception) else None


def _link_or_compare(put: Put, target: Path) -> bool:
    """Link the file; return False if the same bytes are there already. Raises Collision."""
    while True:
        try:
            os.link(put.source, target)
        except FileExistsError:
            with suppress(FileNotFoundError):  # removed since: try again
                if _sha256_of(target) != put.sha256:
                    raise Collision from None
                return False
        else:
            return True


def _sync_file(source: Path) -> None:
    with opened(source) as descriptor:
        os.fchmod(descriptor, BLOB_MODE)
        os.fsync(descriptor)


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
