"""`authsvc nginx`: its files, in a folder, or in the nginx of this server."""

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
from authsvc.nginx.install import Installed, install_paths, install_server, remove_server
from authsvc.nginx.lock import ConfigLock, acquire
from authsvc.nginx.program import is_running, nginx_program, read_build, reload
from authsvc.nginx.render import write_files
from authsvc.nginx.site_map import bucket_bytes_of, install_sites, render_sites
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
    """Files for nginx."""


@nginx.command("render")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.option("--user", default="", help="nginx's `user` directive: a user, or a user and a group.")
@pass_given
def render_command(given: Given, folder: Path | None, user: str) -> None:
    """Write nginx's files from the settings into FOLDER.

    [default: nginx/rendered in the data folder]
    """
    settings = given.settings
    if folder is None:
        # The service may have put a link there.
        become_owner(settings.data_dir)
    target = (folder or settings.nginx_dir / "rendered").absolute()
    site_list = _published(settings)
    for path in write_files(settings, site_list, target, worker_user=user):
        click.echo(path)


@nginx.command("install")
@_main_file
@click.option(
    "--reload", "reloads", is_flag=True, help="Reload nginx also when nothing has changed: for a renewed certificate."
)
@pass_given
def install_command(given: Given, main_file: Path | None, *, reloads: bool) -> None:
    """Put authsvc into the nginx of this server, and reload it.

    Does it again after a change of settings, a new certificate or an upgrade:
    what is in place already is left alone. nginx tests the files first; when it
    refuses them, everything is as before. A site file that was edited is kept.
    """
    settings = given.settings
    program, main_file = _nginx_of(settings, main_file)
    with _turn(main_file) as turn:
        site_list = _published(settings)
        with _advice(), turn.taking_back():
            installed = install_server(settings, site_list, program, main_file, before_change=turn.reload_pending)
        _tell_changes(installed)
        _tell_site(installed)
        _reload(installed.server, turn, is_needed=bool(installed.changed) or reloads, is_done=installed.is_reloaded)
    if is_certificate_missing(settings):
        advice = how_to_get(settings, site=installed.paths.site)
        click.echo(f"nginx: speaks plain HTTP until there is a certificate; get one:\n  {advice}")


@nginx.command("uninstall")
@_main_file
@pass_given
def uninstall_command(given: Given, main_file: Path | None) -> None:
    """Take authsvc out of the nginx of this server, and reload it. Needs no settings file."""
    try:
        settings = given.settings
    except BadSetting:
        settings = checked({})
    try:
        program, main_file = _nginx_of(settings, main_file)
    except Broken:
        click.echo("nginx: is not there any more")
        return
    with _turn(main_file) as turn:
        with _advice(), turn.taking_back():
            removed = remove_server(program, main_file, before_change=turn.reload_pending)
        _tell_changes(removed)
        if removed.site is Outcome.KEPT:
            click.echo(f"nginx: the site file was edited, so it is kept as {removed.paths.edited_site}, switched off")
        _reload(removed.server, turn, is_needed=bool(removed.changed))
        turn.leave_nothing()


@nginx.command("apply-sites")
@_main_file
@pass_given
def apply_sites_command(given: Given, main_file: Path | None) -> None:
    """Put the published list of sites into nginx's map, and reload it.

    The unit authsvc-sites.service calls this after every change. A list with
    a line that is no site pattern is not used, and the old map stays.
    """
    settings = given.settings
    program, main_file = _nginx_of(settings, main_file)
    with _turn(main_file) as turn:
        with _advice():
            server = read_server(program, main_file)
        folder = install_paths(server).conf
        # First: a change behind it makes a new mark, and has its own turn.
        settings.site_change_path.unlink(missing_ok=True)
        if not folder.is_dir():
            click.echo("nginx: has nothing of authsvc yet; put it there: authsvc nginx install")
            return
        site_list = _published(settings)
        text = render_sites(settings, site_list, bucket_bytes=bucket_bytes_of(folder))
        with _advice(), turn.taking_back():
            is_new = install_sites(
                folder, text, program=program, main_file=main_file, before_change=turn.reload_pending
            )
        click.echo(f"nginx: the map of sites is at revision {site_list.revision}{'' if is_new else ' already'}")
        _reload(server, turn, is_needed=is_new)


def _nginx_of(settings: Settings, main_file: Path | None) -> tuple[str, Path]:
    program = nginx_program(settings)
    return program, (main_file or read_build(program).main_file)


@contextmanager
def _turn(main_file: Path) -> Iterator[ConfigLock]:
    try:
        with acquire(main_file) as turn:
            yield turn
    except PermissionError as error:
        raise Broken(reason=f"{error.filename}: {error.strerror}; use sudo") from error


@contextmanager
def _advice() -> Iterator[None]:
    """Say behind what nginx refuses what can be done about it."""
    try:
        yield
    except Broken as error:
        hint = "mend that first, nothing was changed" if os.geteuid() == 0 else "as root it may be different: use sudo"
        raise Broken(reason=f"{error.text}; {hint}") from error


def _published(settings: Settings) -> SiteList:
    if not settings.site_list_path.parent.exists():
        raise Broken(
            reason=f"{str(settings.data_dir)!r} is no data folder of authsvc; "
            "name the right one with --data-dir, or make one: authsvc init"
        )
    return read_site_list(settings.site_list_path)


def _tell_changes(done: Installed) -> None:
    conf = done.paths.conf
    inside = [path for path in done.changed if conf in path.parents]
    if inside:
        word = "wrote" if inside[0].exists() else "removed"
        click.echo(f"nginx: {word} {len(inside)} file{'s' if len(inside) > 1 else ''} below {conf}")
    for path in done.changed:
        if path not in inside:
            click.echo(f"nginx: {'wrote' if path.exists() else 'removed'} {path}")
    for line in done.warnings:
        click.echo(line, err=True)


def _tell_site(installed: Installed) -> None:
    if installed.site is Outcome.KEPT:
        paths = installed.paths
        click.echo(f"nginx: {paths.site} was edited and is kept; what it would be now is in {paths.default_site}")


def _reload(server: ServerNginx, turn: ConfigLock, *, is_needed: bool, is_done: bool = False) -> None:
    """Reload nginx where that is needed, due from before or both, unless it is done already; say so."""
    if is_done:
        click.echo("nginx: reloaded")
    elif not is_needed and not turn.was_due:
        click.echo("nginx: everything is in place already")
    elif is_running(server.pid_file):
        turn.reload_pending()
        reload(server.program, server.main_file, server.pid_file)
        click.echo("nginx: reloaded")
    else:
        click.echo("nginx: does not run; start it: systemctl start nginx", err=True)
    turn.reload_done()
