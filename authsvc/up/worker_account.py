"""Choose the user of nginx's workers under `authsvc up`, and let that user read the pictures."""

import grp
import os
import pwd
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from authsvc.backends import open_store
from authsvc.data_folder import Account, first_closed_folder, share_with_group
from authsvc.errors import Broken
from authsvc.settings import Settings

_NGINX_USERS: Final = ("www-data", "nginx", "nobody")


def share_with_workers(settings: Settings, *, announce: Callable[[str], None]) -> Account | None:
    """Choose the user, and give its group read access to the pictures.

    Returns None without root's rights: then nginx's workers run as its master.
    Under root it is nginx's usual user, unless that user cannot enter a folder
    above the pictures; then it is the owner of that folder.
    """
    if os.geteuid() != 0:
        return None
    worker = _usual_worker()
    share_with_group(settings, worker.gid, blobs=open_store(settings).folder)
    path = settings.data_dir.resolve()
    tried = {worker.uid}
    while (closed := first_closed_folder(path, worker)) is not None:
        # If several owners have closed folders above the data, only root can read the pictures.
        uid = closed.stat().st_uid if len(tried) == 1 else 0
        try:
            owner = pwd.getpwuid(0 if uid in tried else uid)
        except KeyError as error:
            raise Broken(
                reason=f"nginx's workers cannot run as the owner of {closed}, because user {uid} has no name; "
                "choose another --data-dir"
            ) from error
        announce(f"nginx's workers run as {owner.pw_name}, because {worker.name} may not enter {closed}")
        worker = Account(owner.pw_name, owner.pw_uid, owner.pw_gid)
        tried.add(worker.uid)
        share_with_group(settings, worker.gid, blobs=open_store(settings).folder)
    return worker


def user_directive(worker: Account | None) -> str:
    """Return the arguments of nginx's directive `user`, or "" for none."""
    return "" if worker is None else f"{worker.name} {grp.getgrgid(worker.gid).gr_name}"


def _usual_worker() -> Account:
    for name in _NGINX_USERS:
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise Broken(reason=f"none of the users {', '.join(_NGINX_USERS)} exists; install nginx from the distribution")
