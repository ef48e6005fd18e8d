"""`authsvc nginx`: nginx's files, in a folder or in the nginx of this server."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from authsvc.access.site_list_file import read_site_list
from authsvc.cli.context import Given, pass_given
from authsvc.data_folder import become_owner
from authsvc.errors import BadSetting, Broken
from authsvc.model import SiteList
from authsvc.nginx.certificate import how_to_get, is_certificate_missing
from authsvc.nginx.existing import ServerNginx, read_server
from authsvc.nginx.install import Installed, install_server
from authsvc.nginx.lock import ConfigLock, acquire
from authsvc.nginx.paths import install_paths
from authsvc.nginx.program import is_running, nginx_program, read_build, reload
from authsvc.nginx.render import write_files
from authsvc.nginx.site_map import bucket_bytes_of, install_sites, render_sites
from authsvc.nginx.uninstall import remove_server
from authsvc.settings import Settings, checked
from authsvc.system.conffile import Outcome

_main_file = click.option(
    "--nginx-conf",
    "main_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="nginx's main file. [default: the one it was built with]",
)


@click.group()
def nginx() -> None:
    """Write and install nginx's files."""


@nginx.command("render")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.option("--user", default="", help="nginx's `user` directive: a user, or a user and a group.")
@pass_given
def render_command(given: Given, folder: Path | None, user: str) -> None:
    """Write nginx's files into FOLDER.

    [default: nginx/rendered in the data folder]
    """
    settings = given.settings
    if folder is None:
        # The service could have put a link there, which root would follow.
        become_owner(settings.data_dir)
    target = (folder or settings.nginx_dir / "rendered").absolute()
    for path in write_files(settings, _published(settings), target, worker_user=user):
        click.echo(path)


@nginx.command("install")
@_main_file
@click.option("--reload", "reloads", is_flag=True, help="Reload nginx even if no file changes (renewed certificate).")
@pass_given
def install_command(given: Given, main_file: Path | None, *, reloads: bool) -> None:
    """Add authsvc to this server's nginx.

    Run it again after a change of settings, a new certificate or an upgrade: it
    changes only what is different. nginx tests the files first; when it refuses
    them, everything is as before. A site file that was edited is kept.
    """
    settings = given.settings
    program, main_file = _nginx_of(settings, main_file)
    with _locked(main_file) as lock:
        site_list = _published(settings)
        with _advice():
            installed = install_server(settings, site_list, program, main_file, change=lock.change)
        _report_changes(installed)
        if installed.site is Outcome.KEPT:
            paths = installed.paths
            click.echo(f"nginx: {paths.site} was edited and is kept; the default is now in {paths.default_site}")
        _reload(installed.server, lock, is_needed=bool(installed.changed) or reloads, is_done=installed.is_reloaded)
    if is_certificate_missing(settings):
        advice = how_to_get(settings, site=installed.paths.site)
        click.echo(f"nginx: plain HTTP only, because there is no certificate yet; get one:\n  {advice}")


@nginx.command("uninstall")
@_main_file
@pass_given
def uninstall_command(given: Given, main_file: Path | None) -> None:
    """Remove authsvc from this server's nginx.

    Needs no settings file.
    """
    try:
        settings = given.settings
    except BadSetting:
        settings = checked({})
    try:
        program, main_file = _nginx_of(settings, main_file)
    except Broken:
        click.echo("nginx: not installed on this server any more")
        return
    with _locked(main_file) as lock:
        with _advice():
            removed = remove_server(program, main_file, change=lock.change)
        _report_changes(removed)
        if removed.site is Outcome.KEPT:
            click.echo(f"nginx: the site file was edited, so it is kept as {removed.paths.edited_site}, switched off")
        _reload(removed.server, lock, is_needed=bool(removed.changed))
        lock.remove()


@nginx.command("apply-sites")
@_main_file
@pass_given
def apply_sites_command(given: Given, main_file: Path | None) -> None:
    """Write the site list into nginx's map.

    The unit authsvc-sites.service runs this after every change. If a line of the
    list is not a site pattern, the list is refused, and the old map is kept.
    """
    settings = given.settings
    program, main_file = _nginx_of(settings, main_file)
    with _locked(main_file) as lock:
        with _advice():
            server = read_server(program, main_file)
        conf = install_paths(server).conf
        # Before the list is read: a later change makes a new mark, and the unit runs again.
        settings.site_change_path.unlink(missing_ok=True)
        if not conf.is_dir():
            click.echo("nginx: authsvc is not installed in it yet; run: authsvc nginx install")
            return
        site_list = _published(settings)
        text = render_sites(settings, site_list, bucket_bytes=bucket_bytes_of(conf))
        with _advice():
            is_new = install_sites(conf, text, program=program, main_file=main_file, change=lock.change)
        click.echo(f"nginx: the map of sites is at revision {site_list.revision}{'' if is_new else ' already'}")
        _reload(server, lock, is_needed=is_new)


def _nginx_of(settings: Settings, main_file: Path | None) -> tuple[str, Path]:
    program = nginx_program(settings)
    return program, (main_file or read_build(program).main_file)


@contextmanager
def _locked(main_file: Path) -> Iterator[ConfigLock]:
    try:
        with acquire(main_file) as lock:
            yield lock
    except PermissionError as error:
        raise Broken(reason=f"{error.filename}: {error.strerror}; use sudo") from error


@contextmanager
def _advice() -> Iterator[None]:
    """Add to nginx's refusal what to do about it."""
    try:
        yield
    except Broken as error:
        hint = "fix that first, nothing was changed" if os.geteuid() == 0 else "root may see more: use sudo"
        raise Broken(reason=f"{error.text}; {hint}") from error


def _published(settings: Settings) -> SiteList:
    if not settings.site_list_path.parent.exists():
        raise Broken(
            reason=f"{str(settings.data_dir)!r} is not a data folder of authsvc; "
            "name the right one with --data-dir, or create it: authsvc init"
        )
    return read_site_list(settings.site_list_path)


def _report_changes(done: Installed) -> None:
    conf = done.paths.conf
    inside = [path for path in done.changed if conf in path.parents]
    if inside:
        word = "wrote" if conf.exists() else "removed"
        click.echo(f"nginx: {word} {len(inside)} file{'s' if len(inside) > 1 else ''} below {conf}")
    for path in done.changed:
        if path not in inside and path != conf:
            click.echo(f"nginx: {'wrote' if path.exists() else 'removed'} {path}")
    for line in done.warnings:
        click.echo(line, err=True)


def _reload(server: ServerNginx, lock: ConfigLock, *, is_needed: bool, is_done: bool = False) -> None:
    """Reload nginx if this or an earlier command needs it and it is not done already; report it."""
    if is_done:
        click.echo("nginx: reloaded")
    elif not is_needed and not lock.was_pending:
        click.echo("nginx: everything is in place already")
    elif is_running(server.pid_file):
        lock.reload_pending()
        reload(server.program, server.main_file, server.pid_file)
        click.echo("nginx: reloaded")
    else:
        click.echo("nginx: not running; start it: systemctl start nginx", err=True)
    lock.reload_done()
