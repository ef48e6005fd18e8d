"""The data folder: whose it is, and who may do what in it."""

import grp
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from authsvc.doctor.finding import Finding, fault, fine
from authsvc.settings import Settings


def check_data(settings: Settings) -> Iterator[Finding]:
    """Is every folder there, the service's, and closed to others?"""
    folder = settings.data_dir
    if not settings.catalog_path.is_file():
        yield fault("data", f"{folder} has no catalog", mend="authsvc init")
        return
    # Who made it is the service: the folder itself may have been moved here.
    service = settings.catalog_path.stat()
    faults = 0
    for finding in _faults(settings, service):
        faults += 1
        yield finding
    if not faults:
        yield fine("data", f"{folder} belongs to {_user(service.st_uid)}")


def _faults(settings: Settings, service: os.stat_result) -> Iterator[Finding]:
    full = (settings.run_dir, settings.catalog_path.parent)
    folders = (settings.data_dir, settings.blobs_dir, settings.spool_dir, *full)
    for path in folders:
        if not path.is_dir():
            yield fault("data", f"{path} is missing", mend="authsvc init")
    files = (file for folder in full if folder.is_dir() for file in sorted(folder.iterdir()))
    for path in (*folders, *files):
        # Also a file that the service has just removed.
        with suppress(FileNotFoundError):
            yield from _faults_of(path, service)


def _faults_of(path: Path, service: os.stat_result) -> Iterator[Finding]:
    status = path.lstat()
    if status.st_uid != service.st_uid:
        yield fault(
            "data",
            f"{path} belongs to {_user(status.st_uid)}, not to {_user(service.st_uid)}",
            mend=f"chown -R {_user(service.st_uid)}:{group_name(service.st_gid)} {path}",
        )
    if stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_IWOTH:
        yield fault("data", f"{path} can be written by everybody", mend=f"chmod o-w {path}")


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group_name(gid: int) -> str:
    """Return the group's name, or its number where it has none."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
