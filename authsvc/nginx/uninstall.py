"""Remove authsvc from the nginx that a server has."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path

from authsvc.nginx.install import Installed
from authsvc.nginx.paths import InstallPaths, install_paths, read_without_ours
from authsvc.nginx.program import check_config
from authsvc.system.atomic import New, is_like, replaced
from authsvc.system.conffile import Outcome


def remove_server(
    program: str, main_file: Path, *, change: Callable[[], AbstractContextManager[None]] = nullcontext
) -> Installed:
    """Remove the site and all files, except a site file that was edited.

    `change` is a context for the changes, if there are any: see `ConfigLock.change`.
    Raises Broken when nginx refuses what is left; everything is then as before.
    """
    server, is_broken = read_without_ours(program, main_file)
    paths = install_paths(server)
    paths.releases.adopt()
    is_edited = paths.site.exists() and paths.is_site_edited
    changes = _changes(paths, is_edited=is_edited)
    changed = (*changes, *(paths.conf / name for name in paths.releases.files()))
    with ExitStack() as steps:
        if changed:
            steps.enter_context(change())
        for path, new in changes.items():
            steps.enter_context(replaced(path, new))
        warnings = check_config(program, main_file) if changes or is_broken else ""
    paths.releases.remove()
    outcome = Outcome.KEPT if is_edited else Outcome.WRITTEN
    return Installed(
        server, changed, is_reloaded=False, site=outcome, paths=paths, warnings=tuple(warnings.splitlines())
    )


def _changes(paths: InstallPaths, *, is_edited: bool) -> dict[Path, New]:
    """Return what changes outside of the releases, in an order in which no file includes a removed one."""
    wanted: dict[Path, New] = {}
    if paths.link is not None:
        wanted[paths.link] = None
    elif is_edited:
        wanted[paths.edited_site] = paths.site.read_bytes()
    if paths.link is None or not is_edited:
        wanted[paths.site] = None
    if paths.jit is not None:
        wanted[paths.jit] = None
    wanted[paths.conf] = None
    return {path: new for path, new in wanted.items() if not is_like(path, new)}
