"""Put authsvc into the nginx that a server has.

nginx tests every change. When nginx refuses it, everything is as before.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authsvc.model import SiteList
from authsvc.nginx.conflicts import are_hash_sizes_set, is_jit_set, refuse_conflict, shadowed_listens
from authsvc.nginx.existing import ServerNginx
from authsvc.nginx.paths import InstallPaths, install_paths, read_without_ours
from authsvc.nginx.program import check_config, is_running, reload
from authsvc.nginx.release import SITE_DEFAULT, Files
from authsvc.nginx.render import JIT_FILE, PLACEHOLDERS, SERVER_FILE, RenderTarget, release_files
from authsvc.nginx.site_map import FOREIGN_BUCKET_BYTES, OWN_BUCKET_BYTES
from authsvc.settings import Settings
from authsvc.system.atomic import New, is_like, replaced
from authsvc.system.conffile import Outcome

_HTTP2_DIRECTIVE_SINCE: Final = (1, 25, 1)
_IPV6_MARK: Final = Path("/proc/net/if_inet6")


@dataclass(frozen=True, slots=True)
class Installed:
    """What an installation or removal has changed, and what to report about it.

    `is_reloaded`: the running nginx uses the new files already.
    """

    server: ServerNginx
    changed: tuple[Path, ...]
    is_reloaded: bool
    site: Outcome
    paths: InstallPaths
    warnings: tuple[str, ...]


def install_server(
    settings: Settings,
    site_list: SiteList,
    program: str,
    main_file: Path,
    *,
    change: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Installed:
    """Write the files, enable the site, and reload nginx if it runs.

    `change` is a context for the changes, if there are any: see `ConfigLock.change`.
    Raises Broken when nginx does not accept them; everything is then as before.
    """
    server, is_broken = read_without_ours(program, main_file)
    paths = install_paths(server)
    files = server_files(settings, site_list, server, paths)
    changes, site = _changes_around(paths, files[SITE_DEFAULT])
    changed = (*changes, *(paths.conf / name for name in differing(paths.releases.files(), files)))
    warnings = ""
    is_reloaded = False
    with ExitStack() as steps:
        if changed:
            steps.enter_context(change())
        # First, because the others include it: after a kill between two steps nginx still starts.
        steps.enter_context(paths.releases.switched(files))
        for path, new in changes.items():
            steps.enter_context(replaced(path, new))
        if changed or is_broken:
            warnings = check_config(program, main_file)
        refuse_conflict(warnings, settings)
        if changed and is_running(server.pid_file):
            # nginx's test does not notice a port that is in use; without this, the next boot would.
            reload(program, main_file, server.pid_file)
            is_reloaded = True
    notes = (*warnings.splitlines(), *shadowed_listens(server, paths))
    return Installed(server, changed, is_reloaded, site, paths, notes)


def stale_files(settings: Settings, site_list: SiteList, server: ServerNginx) -> list[Path]:
    """Return the files of the release that would change if authsvc were installed now. Changes nothing."""
    paths = install_paths(server)
    files = server_files(settings, site_list, server, paths)
    return [paths.conf / name for name in differing(paths.releases.files(), files)]


def server_files(settings: Settings, site_list: SiteList, server: ServerNginx, paths: InstallPaths) -> dict[str, bytes]:
    """Return the files of a release for this nginx."""
    files = release_files(settings, site_list, paths.conf, render_target(server, paths))
    files[SITE_DEFAULT] = files.pop(SERVER_FILE)
    return files


def render_target(server: ServerNginx, paths: InstallPaths) -> RenderTarget:
    """Return what the rendered files find in this nginx."""
    # Not in the data folder: root's nginx creates the cache and changes its
    # owner, and the service could put a link there.
    return RenderTarget(
        placeholder_dir=paths.conf / PLACEHOLDERS,
        verdict_cache=server.pid_file.parent / "authsvc-verdicts",
        access_log=server.log_dir / "authsvc.log",
        bucket_bytes=FOREIGN_BUCKET_BYTES if are_hash_sizes_set(server, paths) else OWN_BUCKET_BYTES,
        has_http2_directive=server.version >= _HTTP2_DIRECTIVE_SINCE,
        has_ipv6=_IPV6_MARK.exists(),
        sets_jit=not is_jit_set(server, paths),
    )


def differing(before: Files, after: Files) -> list[str]:
    """Return the names of files that are not the same in both."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def _changes_around(paths: InstallPaths, site_text: bytes) -> tuple[dict[Path, New], Outcome]:
    """Return what changes outside of the release, in order, and what becomes of the site file."""
    wanted: dict[Path, New] = {}
    outcome = Outcome.WRITTEN
    if paths.link is None and paths.edited_site.exists() and not paths.site.exists():
        # An edited file that was kept when authsvc was uninstalled.
        wanted[paths.site] = paths.edited_site.read_bytes()
        wanted[paths.edited_site] = None
        outcome = Outcome.KEPT
    elif is_like(paths.site, site_text):
        outcome = Outcome.UNCHANGED
    elif paths.is_site_edited:
        outcome = Outcome.KEPT
    else:
        wanted[paths.site] = site_text
    if paths.link is not None:
        wanted[paths.link] = paths.site
    if paths.jit is not None:
        wanted[paths.jit] = paths.conf / JIT_FILE
    return {path: new for path, new in wanted.items() if not is_like(path, new)}, outcome
