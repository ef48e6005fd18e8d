"""Put authsvc into the nginx that a server has already, and take it out again.

Every change is tested by nginx before it counts. When nginx refuses it, all
files are as before.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authsvc.errors import Broken
from authsvc.model import SiteList
from authsvc.nginx.existing import ServerNginx, read_server
from authsvc.nginx.placeholders import placeholder_copies
from authsvc.nginx.program import check_config, is_running, reload
from authsvc.nginx.render import SERVER_FILE, RenderTarget, render
from authsvc.nginx.site_map import FOREIGN_BUCKET_BYTES, OWN_BUCKET_BYTES
from authsvc.settings import Settings
from authsvc.system.conffile import Outcome, is_unedited, write_conffile
from authsvc.system.file_changes import FileChanges, remove_leftovers

CONF_FOLDER: Final = "authsvc"
LINK_NAME: Final = "zz-authsvc.conf"
"""Last of its folder: the first server of all answers for hosts that no
server names, and a second `map` of a name would be ours."""

_JIT_TEXT: Final = """# Written by authsvc: a read takes 28,800 instead of 31,600 instructions with it.
# (!) At most once, outside of every block. Where nginx says that it is
# duplicate: sudo authsvc nginx install
pcre_jit on;
"""
_PLACEHOLDERS: Final = "placeholders"
_HTTP2_DIRECTIVE_SINCE: Final = (1, 25, 1)
_OWN_ADDRESS: Final = re.compile(r"(\d+(\.\d+){3}|\[[0-9a-f:]+\])(:(80|443))?")
_NOBODYS_OWN: Final = ("127.", "0.0.0.0", "[::]", "[::1]")  # noqa: S104 — compared
_LISTEN_WORDS: Final = 2
_IPV6_MARK: Final = Path("/proc/net/if_inet6")


@dataclass(frozen=True, slots=True)
class InstallPaths:
    """Where authsvc's files lie in one nginx's configuration.

    `link` is None where nginx includes `conf.d` alone, and `jit` is None where
    it includes no folder outside of its blocks.
    """

    conf: Path
    site: Path
    link: Path | None
    jit: Path | None

    @property
    def default_site(self) -> Path:
        """What we have last written as the site file."""
        return self.conf / "site.default"

    @property
    def edited_site(self) -> Path:
        """Where an edited site file waits for the next installation, out of nginx's sight."""
        return self.site if self.link is not None else self.site.with_name(f".{self.site.name}.edited")


@dataclass(frozen=True, slots=True)
class Installed:
    """What an installation has done: files that differ now, and what to say about it.

    `is_reloaded`: the running nginx has taken them over already.
    """

    server: ServerNginx
    changed: tuple[Path, ...]
    is_reloaded: bool
    site: Outcome
    paths: InstallPaths
    warnings: tuple[str, ...]


def install_paths(server: ServerNginx) -> InstallPaths:
    """Find the folders in which this nginx looks. Raises Broken when there are none."""
    base = server.main_file.parent
    sites = server.included_folders("http")
    if not sites:
        raise Broken(
            reason=f"{server.main_file} includes no folder of sites; "
            f"add to its http block: include {base}/conf.d/*.conf;"
        )
    modules = server.included_folders()
    jit = modules[0] / LINK_NAME if modules else None
    # The last of them, for the same reason as the last name in it.
    enabled = sites[-1]
    if enabled.name != "sites-enabled":
        return InstallPaths(base / CONF_FOLDER, enabled / LINK_NAME, None, jit)
    available = enabled.with_name("sites-available")
    return InstallPaths(base / CONF_FOLDER, available / "authsvc.conf", enabled / LINK_NAME, jit)


def install_server(
    settings: Settings,
    site_list: SiteList,
    program: str,
    main_file: Path,
    *,
    before_change: Callable[[], None] | None = None,
) -> Installed:
    """Write the files, enable the site, and reload nginx if it runs.

    `before_change` is called before the first file that changes. Raises Broken
    when nginx does not accept them; every file is then as before.
    """
    with FileChanges(before_change) as changes:
        server = _read_past_ours(changes, program, main_file)
        paths = install_paths(server)
        site = _write(changes, settings, site_list, server, paths)
        changed = tuple(changes.changed)
        said = check_config(program, main_file) if changes.is_begun else ""
        refuse_conflict(said, settings)
        # A port that is taken is found out only here, or else at the next boot.
        is_reloaded = bool(changed) and is_running(server.pid_file)
        if is_reloaded:
            reload(program, main_file, server.pid_file)
    # Not the site file's, which may hold somebody's edits.
    remove_leftovers(path for path in paths.conf.rglob("*") if path.is_file())
    remove_leftovers(path for path in (paths.link, paths.jit) if path is not None)
    warnings = (*said.splitlines(), *_shadowed_listens(server, paths))
    return Installed(server, changed, is_reloaded, site, paths, warnings)


def remove_server(program: str, main_file: Path, *, before_change: Callable[[], None] | None = None) -> Installed:
    """Take the site and the files out, and leave a site file that was edited.

    Raises Broken when nginx refuses what is left; every file is then as before.
    """
    with FileChanges(before_change) as changes:
        server = _read_past_ours(changes, program, main_file)
        paths = install_paths(server)
        is_edited = paths.site.exists() and not is_unedited(paths.site, default=paths.default_site)
        if paths.link is not None:
            changes.remove(paths.link)
        elif is_edited:
            changes.write(paths.edited_site, paths.site.read_bytes())
        if not is_edited or paths.link is None:
            changes.remove(paths.site)
        if paths.jit is not None:
            changes.remove(paths.jit)
        for path in sorted(paths.conf.rglob("*"), reverse=True):
            if path.is_file():
                changes.remove(path)
        changed = tuple(changes.changed)
        said = check_config(program, main_file) if changes.is_begun else ""
    for folder in sorted((path for path in paths.conf.rglob("*") if path.is_dir()), reverse=True):
        folder.rmdir()
    if paths.conf.is_dir():
        paths.conf.rmdir()
    outcome = Outcome.KEPT if is_edited else Outcome.WRITTEN
    return Installed(server, changed, is_reloaded=False, site=outcome, paths=paths, warnings=tuple(said.splitlines()))


def stale_files(settings: Settings, site_list: SiteList, server: ServerNginx) -> list[Path]:
    """Return the files that would change if authsvc were installed now. Changes nothing."""
    paths = install_paths(server)
    files = _files(settings, site_list, server, paths)
    # The site file may be edited; its default follows the settings.
    wanted = {paths.default_site: files.pop(SERVER_FILE).encode()}
    wanted |= {paths.conf / name: text.encode() for name, text in files.items()}
    wanted |= placeholder_copies(settings, paths.conf / _PLACEHOLDERS)
    return [path for path, content in wanted.items() if not path.is_file() or path.read_bytes() != content]


def render_target(server: ServerNginx, paths: InstallPaths) -> RenderTarget:
    """Say what the rendered files will find in this nginx."""
    # Never in the data folder: root's nginx makes it and gives it away, and
    # the service could put a link there.
    return RenderTarget(
        placeholder_dir=paths.conf / _PLACEHOLDERS,
        verdict_cache=server.pid_file.parent / "authsvc-verdicts",
        access_log=server.log_dir / "authsvc.log",
        bucket_bytes=FOREIGN_BUCKET_BYTES if _hash_sizes_are_taken(server, paths) else OWN_BUCKET_BYTES,
        has_http2_directive=server.version >= _HTTP2_DIRECTIVE_SINCE,
        has_ipv6=_IPV6_MARK.exists(),
    )


def _read_past_ours(changes: FileChanges, program: str, main_file: Path) -> ServerNginx:
    """Read nginx's configuration, if need be with ours set aside for that.

    A kill may have left ours half-way, its certificate may be gone, or somebody
    may have set since what may stand only once; what is written next puts it
    right. Raises Broken when that is not what nginx refuses.
    """
    try:
        return read_server(program, main_file)
    except Broken:
        found = [path for path in main_file.parent.glob(f"*/{LINK_NAME}") if path.is_symlink() or path.is_file()]
        # A site that is a file may have been edited.
        files = {path: path.read_bytes() for path in found if not path.is_symlink()}
        for path in found:
            changes.remove(path)
        server = read_server(program, main_file)
        for path, content in files.items():
            changes.write(path, content)
        return server


def _write(
    changes: FileChanges, settings: Settings, site_list: SiteList, server: ServerNginx, paths: InstallPaths
) -> Outcome:
    files = _files(settings, site_list, server, paths)
    site_text = files.pop(SERVER_FILE)
    # What others include comes first: whoever is killed on the way leaves no include of a missing file.
    for name, text in sorted(files.items(), key=lambda file: ("/" not in file[0], "/security/" not in file[0])):
        changes.write(paths.conf / name, text)
    for path, content in placeholder_copies(settings, paths.conf / _PLACEHOLDERS).items():
        changes.write(path, content)
    # The site last: whoever is killed on the way has changed nothing for nginx.
    if paths.jit is not None:
        if _is_taken(server, "pcre_jit", paths.jit):
            changes.remove(paths.jit)
        else:
            changes.write(paths.jit, _JIT_TEXT)
    if paths.link is None and paths.edited_site.exists() and not paths.site.exists():
        changes.write(paths.site, paths.edited_site.read_bytes())
        changes.remove(paths.edited_site)
    site = write_conffile(changes, paths.site, site_text, default=paths.default_site)
    if paths.link is not None:
        changes.link(paths.link, paths.site)
    return site


def _files(settings: Settings, site_list: SiteList, server: ServerNginx, paths: InstallPaths) -> dict[str, str]:
    return render(settings, site_list, paths.conf, render_target(server, paths))


def _hash_sizes_are_taken(server: ServerNginx, paths: InstallPaths) -> bool:
    """Return whether we may not set them: they are set elsewhere, or another file has a map.

    nginx fixes both sizes when it meets the first `map`; a later line is a
    duplicate.
    """
    return any(
        d.words[0] in {"map", "map_hash_bucket_size", "map_hash_max_size"}
        for d in server.directives
        if paths.conf not in d.file.parents and d.file not in {paths.site, paths.link}
    )


def _is_taken(server: ServerNginx, name: str, ours: Path) -> bool:
    return any(directive.file != ours for directive in server.named(name))


def _shadowed_listens(server: ServerNginx, paths: InstallPaths) -> Iterator[str]:
    """Warn of servers that listen on an address of their own: nginx asks them alone there."""
    for directive in server.named("listen"):
        if directive.file in {paths.site, paths.link} or len(directive.words) < _LISTEN_WORDS:
            continue
        where = directive.words[1]
        if _OWN_ADDRESS.fullmatch(where) and not where.startswith(_NOBODYS_OWN):
            yield (
                f"note: a server in {directive.file} listens on {where}, so requests to that address do not reach "
                f"authsvc; add `listen {where}` to {paths.site}, with `ssl` as it has it"
            )


def refuse_conflict(said: str, settings: Settings) -> None:
    """Raise Broken when another server has one of our names: nginx only warns, and ignores ours."""
    for name in re.findall(r'conflicting server name "([^"]+)"', said):
        if name in settings.own_hosts:
            raise Broken(
                reason=f"another server of this nginx is called {name} already; "
                f"look for it with `grep -rn {name} /etc/nginx`, and take the name out there or choose another"
            )
