"""Check the data folder: its owner, and who may read and write it."""

import grp
import pwd
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import NamedTuple

from authsvc.backends import open_store
from authsvc.doctor.finding import Finding, failure, fine
from authsvc.settings import Settings


class Owner(NamedTuple):
    """A user and a group, by number."""

    uid: int
    gid: int


def check_data(settings: Settings, owner: Owner | None) -> Iterator[Finding]:
    """Check that every folder exists, belongs to the service, and cannot be written by others.

    `owner` is the user that the service runs as; None when no unit names one.
    """
    folder = settings.data_dir
    if not settings.catalog_path.is_file():
        # The mount point of a separate disk may belong to root, and so would everything that root makes in it.
        make = f"install -d -m 2750 {_options(owner)} {quote(str(folder))} && " if owner else ""
        yield failure("data", f"{folder} has no catalog", fix=f"{make}authsvc init")
        return
    if owner is None:
        # The catalog was made by the service; the folder itself may have been moved here by somebody else.
        status = settings.catalog_path.stat()
        owner = Owner(status.st_uid, status.st_gid)
    errors = 0
    for finding in _errors(settings, owner):
        errors += 1
        yield finding
    if not errors:
        yield fine("data", f"{folder} belongs to {_user(owner.uid)}")


def _errors(settings: Settings, owner: Owner) -> Iterator[Finding]:
    full = (settings.run_dir, settings.catalog_path.parent)
    blobs = open_store(settings).folder
    folders = (settings.data_dir, *([blobs] if blobs else []), settings.spool_dir, *full)
    for path in folders:
        if not path.is_dir():
            yield failure("data", f"{path} is missing", fix="authsvc init")
    files = [file for folder in full if folder.is_dir() for file in sorted(folder.iterdir())]
    for path in (*folders, *files):
        # The service may remove a file at this moment.
        with suppress(FileNotFoundError):
            yield from _errors_of(path, owner)
    if blobs is not None and blobs.is_dir() and blobs.stat().st_uid == owner.uid:
        # nginx reads as a member of the group that new files in `blobs` inherit.
        shared = Owner(owner.uid, blobs.stat().st_gid)
        for shard in sorted(blobs.iterdir()):
            yield from _errors_of(shard, shared, has_group=True)


def _errors_of(path: Path, owner: Owner, *, has_group: bool = False) -> Iterator[Finding]:
    status = path.lstat()
    group = f":{group_name(owner.gid)}"
    if status.st_uid != owner.uid or (has_group and status.st_gid != owner.gid):
        found = _user(status.st_uid) + (f":{group_name(status.st_gid)}" if has_group else "")
        wanted = _user(owner.uid) + (group if has_group else "")
        yield failure(
            "data",
            f"{path} belongs to {found}, not to {wanted}",
            fix=f"chown -R {_user(owner.uid)}{group} {quote(str(path))}",
        )
    if stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_IWOTH:
        yield failure("data", f"{path} can be written by everybody", fix=f"chmod o-w {quote(str(path))}")


def _options(owner: Owner) -> str:
    return f"-o {_user(owner.uid)} -g {group_name(owner.gid)}"


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group_name(gid: int) -> str:
    """Return the group's name, or its number when it has no name."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
