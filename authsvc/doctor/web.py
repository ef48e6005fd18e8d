"""Check the nginx of this server: its files, its workers' rights, its map of sites, its certificate."""

import grp
import pwd
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from authsvc.access.site_list_file import read_site_list
from authsvc.backends import open_store
from authsvc.data_folder import Account, first_closed_folder
from authsvc.doctor.data import group_name
from authsvc.doctor.finding import Finding, failure, fine, warning
from authsvc.errors import AuthsvcError, Broken
from authsvc.model import SiteList
from authsvc.nginx.certificate import first_in_file, how_to_get, how_to_renew, presented_certificate
from authsvc.nginx.conflicts import refuse_conflict
from authsvc.nginx.existing import ServerNginx, read_server
from authsvc.nginx.install import stale_files
from authsvc.nginx.paths import CONF_FOLDER, LINK_NAME, install_paths
from authsvc.nginx.program import is_running, nginx_program
from authsvc.nginx.render import MAIN_FILE
from authsvc.nginx.site_map import SITES_FILE
from authsvc.settings import Settings

INSTALL: Final = "authsvc nginx install"
RENEW_DAYS: Final = 21
"""certbot renews 30 days before the end, so 21 days left means nine days of failures."""
_DAY_SECONDS: Final = 86_400
_TLS_PORT: Final = 443


def check_web(settings: Settings, main_file: Path | None = None) -> Iterator[Finding]:
    """Check that nginx matches the settings and the site list, and may read the pictures.

    `authsvc up` manages its own nginx, so only the map is checked there.
    """
    conf = settings.nginx_dir / "conf"
    if is_running(settings.run_dir / "nginx.pid", main_file=conf / MAIN_FILE):
        yield fine("nginx", "it runs under `authsvc up`")
        yield from _check_map(settings, conf)
        return
    try:
        server = read_server(nginx_program(settings), main_file)
        paths = install_paths(server)
    except Broken as error:
        yield failure("nginx", error.text, fix=INSTALL if _is_about_ours(settings, error) else "nginx -t")
        return
    if not paths.conf.is_dir():
        yield fine("nginx", f"{server.main_file} does not include authsvc")
        return
    if not is_running(server.pid_file):
        yield failure("nginx", "nginx does not run", fix="systemctl start nginx; journalctl -u nginx -n 20")
    yield from _check_map(settings, paths.conf)
    yield from _check_files(settings, server)
    yield from _check_names(settings, server)
    if settings.data_dir.is_dir():
        yield from _check_worker(settings, server)
    yield from _check_certificate(settings, paths.site)


def _check_files(settings: Settings, server: ServerNginx) -> Iterator[Finding]:
    paths = install_paths(server)
    try:
        site_list = read_site_list(settings.site_list_path)
        # The list has its own check. Next to an edited site file, the default file is not used by nginx.
        is_edited = paths.is_site_edited
        ignored = {paths.conf / SITES_FILE, *([paths.default_site] if is_edited else [])}
        stale = [path for path in stale_files(settings, site_list, server) if path not in ignored]
    except AuthsvcError as error:
        yield failure("nginx", error.text, fix="authsvc init")
        return
    for path in stale:
        yield failure("nginx", f"{path} differs from the settings", fix=INSTALL)
    if paths.link is not None and not paths.link.exists():
        yield failure("nginx", f"the site is not enabled: {paths.link} is missing", fix=INSTALL)
    elif not stale:
        note = f"; {paths.site} was edited by hand" if is_edited else ""
        yield fine("nginx", f"{server.main_file} matches the settings{note}")


def _is_about_ours(settings: Settings, error: Broken) -> bool:
    """Return whether nginx refuses a file that `authsvc nginx install` writes again or leaves out."""
    certificate = [str(path) for path in (settings.certificate, settings.certificate_key) if path is not None]
    return any(word in error.text for word in (f"/{CONF_FOLDER}/", LINK_NAME, *certificate))


def _check_names(settings: Settings, server: ServerNginx) -> Iterator[Finding]:
    try:
        refuse_conflict(server.warnings, settings)
    except Broken as error:
        yield failure("nginx", error.text, fix=f"grep -rn {settings.domains[0]} {server.main_file.parent}")


def _check_map(settings: Settings, conf: Path) -> Iterator[Finding]:
    fix = "authsvc nginx apply-sites; systemctl restart authsvc-sites.path"
    try:
        wanted = read_site_list(settings.site_list_path)
    except AuthsvcError as error:
        yield failure("sites", error.text, fix="authsvc init")
        return
    found = _revision_in(conf / SITES_FILE)
    if found != wanted.revision:
        yield failure("sites", f"nginx's map is at revision {found}, the list at {wanted.revision}", fix=fix)
    else:
        yield fine("sites", f"nginx's map is at revision {found}, {_count(wanted)}")


def _check_worker(settings: Settings, server: ServerNginx) -> Iterator[Finding]:
    name = server.worker_user or "nobody"
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        yield failure("rights", f"nginx's user {name} does not exist", fix=f"useradd --system {name}")
        return
    group = settings.data_dir.stat().st_gid
    gid = group if _is_member(entry.pw_name, group) else entry.pw_gid
    account = Account(name, entry.pw_uid, gid)
    for path in filter(None, (open_store(settings).folder, settings.socket_path.parent)):
        closed = first_closed_folder(path, account)
        if closed is not None:
            yield failure(
                "rights",
                f"nginx's user {name} may not enter {closed}",
                fix=f"usermod -aG {group_name(group)} {name} && systemctl reload nginx",
            )
            return
    yield fine("rights", f"{name} may read the pictures and reach the service")


def _is_member(user: str, gid: int) -> bool:
    try:
        return user in grp.getgrgid(gid).gr_mem
    except KeyError:
        return False


def _check_certificate(settings: Settings, site: Path) -> Iterator[Finding]:
    if not settings.base_url.startswith("https://"):
        return
    if settings.certificate is None:
        yield fine("certificate", "none is set; a proxy in front must provide HTTPS")
        return
    get = how_to_get(settings, site=site)
    host = settings.domains[0]
    try:
        shown = presented_certificate(host, address=("127.0.0.1", _TLS_PORT))
    except (OSError, KeyError) as error:
        fix = INSTALL if settings.has_certificate else get
        yield failure("certificate", f"nginx does not answer over HTTPS for {host}: {error}", fix=fix)
        return
    left = shown.expires - time.time()
    days = int(left / _DAY_SECONDS)
    missing = [domain for domain in settings.domains if not shown.covers(domain)]
    if missing:
        hosts = ", ".join(shown.hosts) or "no name"
        yield failure("certificate", f"it does not cover {', '.join(missing)}; it covers {hosts}", fix=get)
    elif _is_outdated(settings, shown.der):
        yield failure("certificate", "nginx still uses an older one than the file contains", fix=f"{INSTALL} --reload")
    elif left < 0:
        yield failure("certificate", f"it expired {-days} days ago", fix=how_to_renew(settings))
    elif days < RENEW_DAYS:
        yield warning("certificate", f"it expires in {days} days", fix=how_to_renew(settings))
    else:
        yield fine("certificate", f"it is valid for {days} more days")


def _is_outdated(settings: Settings, der: bytes) -> bool:
    if not settings.has_certificate or settings.certificate is None:
        return False
    try:
        return first_in_file(settings.certificate) != der
    except (OSError, ValueError):
        return False


def _revision_in(path: Path) -> int | None:
    try:
        found = re.search(r'default "(\d+)"', path.read_text())
    except OSError:
        return None
    return int(found[1]) if found else None


def _count(site_list: SiteList) -> str:
    return f"{len(site_list.patterns)} sites"
