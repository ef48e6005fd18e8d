"""Create the data folder, and decide who may read what in it."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authsvc.errors import Broken
from authsvc.settings import Settings
from authsvc.system.durable import make_folder

# nginx's group may read these; with set-group-ID, new files and folders get the same group.
_SHARED_MODE: Final = 0o2750
# Closed to the group, but with set-group-ID as well: a blob is a spool file
# under another name, and keeps the group that it was created with.
_SPOOL_MODE: Final = 0o2700
_PRIVATE_MODE: Final = 0o700
# nginx's group may read what a command writes; other users may not.
_OWNER_UMASK: Final = 0o027


def make_folders(settings: Settings) -> None:
    """Create the missing folders; the modes of existing ones are not changed."""
    for folder in (settings.data_dir, *_shared_folders(settings)):
        _make(folder, _SHARED_MODE)
    _make(settings.spool_dir, _SPOOL_MODE)
    for folder in (settings.catalog_path.parent, settings.log_dir):
        _make(folder, _PRIVATE_MODE)


def share_with_group(settings: Settings, gid: int, *, blobs: Path | None) -> None:
    """Give what nginx's workers read to the group `gid`. Needs root.

    `blobs` is the store's folder, if it has one (`BlobStore.folder`). What is
    in it is changed only when it belonged to another group. The data folder
    itself is changed only if its mode lets its group in.
    """
    if settings.data_dir.stat().st_mode & stat.S_IXGRP:
        os.chown(settings.data_dir, -1, gid)
    for folder in _shared_folders(settings):
        _hand_over(folder, gid, mode=_SHARED_MODE)
    _hand_over(settings.spool_dir, gid, mode=_SPOOL_MODE)
    if blobs is not None and blobs.stat().st_gid != gid:
        for parent, folders, files in os.walk(blobs):
            for name in files:
                os.chown(Path(parent, name), -1, gid, follow_symlinks=False)
            for name in folders:
                _hand_over(Path(parent, name), gid, mode=_SHARED_MODE)
        # Last: its group shows that everything in it is done.
        _hand_over(blobs, gid, mode=_SHARED_MODE)


def become_owner(folder: Path) -> None:
    """If this is root, become the user and group that own `folder`, for the rest of the process."""
    if os.geteuid() != 0 or not folder.is_dir():
        return
    owner = folder.stat()
    if owner.st_uid == 0:
        return
    os.setgroups([])
    os.setresgid(owner.st_gid, owner.st_gid, owner.st_gid)
    os.setresuid(owner.st_uid, owner.st_uid, owner.st_uid)
    os.umask(_OWNER_UMASK)


def _shared_folders(settings: Settings) -> tuple[Path, ...]:
    """Return the folders that nginx's group reads, besides the store."""
    return (settings.sizes_dir, settings.run_dir, settings.nginx_dir, settings.acme_dir)


def _hand_over(folder: Path, gid: int, *, mode: int) -> None:
    """Give a folder to a group. Raises Broken for a link of another user, which may point anywhere."""
    if folder.is_symlink() and folder.lstat().st_uid != os.geteuid():
        raise Broken(reason=f"{folder} is a link of another user, which root does not follow; replace it by a folder")
    os.chown(folder, -1, gid)
    folder.chmod(mode)  # after it: chown may clear set-group-ID, chown(2)


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the system: name, uid and primary gid."""

    name: str
    uid: int
    gid: int


def first_closed_folder(path: Path, account: Account) -> Path | None:
    """Return the first folder in `path` that `account` may not enter.

    None when it can reach `path`. Folders that do not exist yet count as open.
    Access control lists are not checked.
    """
    if account.uid == 0:
        return None
    for folder in (*reversed(path.parents), path):
        try:
            status = folder.stat()
        except FileNotFoundError:
            return None
        if status.st_uid == account.uid:
            needed = stat.S_IXUSR
        elif status.st_gid == account.gid:
            needed = stat.S_IXGRP
        else:
            needed = stat.S_IXOTH
        if not status.st_mode & needed:
            return folder
    return None


def _make(folder: Path, mode: int) -> None:
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    make_folder(folder, mode)
