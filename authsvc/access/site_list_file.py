"""Publish the list of sites as a plain file, and read it again.

nginx's map is made from this file. The service publishes it when it sees a
change, and a command publishes it when it makes a change, so that a change also
takes effect while the service is down.
"""

import fcntl
import re
from pathlib import Path
from typing import Final

from authsvc.catalog.port import AccessCatalog
from authsvc.errors import BadSite, Broken
from authsvc.model import SiteList
from authsvc.settings import Settings
from authsvc.system.durable import read_distrusted
from authsvc.verdict.sites import canonical_site

_HEADER: Final = "# authsvc sites, revision "
_LIST_MODE: Final = 0o644
_MAX_LIST_BYTES: Final = 64 * 2**20
"""Enough for 250,000 hosts of the maximum length."""


def publish_sites(access: AccessCatalog, settings: Settings) -> SiteList:
    """Write the current list to `settings.site_list_path`, all of it or nothing; return it.

    Each publisher reads the catalog while it holds a lock, so that an older
    list never replaces a newer one.
    """
    path = settings.site_list_path
    with path.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        current = access.read()
        site_list = SiteList(current.revision.sites, current.sites)
        text = _HEADER + "\n".join([str(site_list.revision), *site_list.patterns]) + "\n"
        if _readable_or_none(path) != text:
            fresh = path.with_suffix(".new")
            fresh.write_text(text)
            fresh.chmod(_LIST_MODE)
            # Before the list as well: the mark exists even if this process is killed in between.
            settings.site_change_path.touch()
            fresh.replace(path)
            settings.site_change_path.touch()
    return site_list


def read_site_list(path: Path) -> SiteList:
    """Read a published list. Its content is not trusted.

    Raises Broken when the file is missing or a line is not a canonical pattern.
    """
    try:
        header, *lines = read_distrusted(path, _MAX_LIST_BYTES).splitlines()
    except (OSError, ValueError) as error:
        raise Broken(reason=f"the site list {str(path)!r} cannot be read: {error}") from error
    number = header.removeprefix(_HEADER)
    if not re.fullmatch(r"[0-9]{1,18}", number):
        raise Broken(reason=f"{path}: the first line does not name a revision")
    for line in lines:
        if _canonical_or_none(line) != line:
            raise Broken(reason=f"{path}: {line[:80]!r} is not a site pattern; the list is not used")
    return SiteList(int(number), tuple(sorted(set(lines))))


def _readable_or_none(path: Path) -> str | None:
    try:
        return read_distrusted(path, _MAX_LIST_BYTES)
    except (OSError, ValueError):
        return None


def _canonical_or_none(line: str) -> str | None:
    try:
        return canonical_site(line)
    except BadSite:
        return None
