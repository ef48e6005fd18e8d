"""`authsvc up`: run service and nginx."""

import asyncio
import grp
import os
import pwd
import shlex
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import click

from authsvc.access.site_list_file import publish_sites
from authsvc.access.tokens import fingerprint, new_token
from authsvc.backends import open_store, opened, prepare_data_dir
from authsvc.cli.context import Given, pass_given
from authsvc.data_folder import Account, first_closed_folder, share_with_group
from authsvc.errors import Broken, InUse
from authsvc.model import Scope, Token
from authsvc.nginx.program import check_config, nginx_program
from authsvc.nginx.release import Releases
from authsvc.nginx.render import MAIN_FILE, own_files
from authsvc.nginx.templates import template_dir
from authsvc.settings import Settings
from authsvc.system.atomic import write_file
from authsvc.system.sockets import listen_on, lock_data_dir
from authsvc.up.supervisor import Supervisor

_NGINX_USERS: Final = ("www-data", "nginx", "nobody")
_FIRST_TOKEN_NAME: Final = "first"  # noqa: S105 — a name
_WELCOME: Final = "welcome.png"
# How long the service of a parent that was killed may take to end.
_LEFTOVER_SECONDS: Final = 5.0
_LEFTOVER_POLL_SECONDS: Final = 0.05


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="TCP port of nginx. [default: the setting port]")
@pass_given
def up(given: Given, port: int | None) -> None:
    """Run service and nginx in the foreground, everything below the data folder."""
    # Whatever the shell's: nginx's group reads, nobody else.
    os.umask(0o027)
    settings = given.load(port=port).settings
    environment = given.environment(port=port)
    try:
        settings.run_dir.mkdir(parents=True, exist_ok=True)
        lock = lock_data_dir(settings.run_dir, "up")
    except OSError as error:
        raise Broken(reason=f"{error.filename}: {error.strerror}; choose another --data-dir") from error
    with lock:
        _check_no_service(settings)
        _check_port(settings)
        _run(settings, environment)


def _run(settings: Settings, environment: Mapping[str, str]) -> None:
    program = nginx_program(settings)
    prepare_data_dir(settings)
    with opened(settings) as backends:
        site_list = publish_sites(backends.catalog.access, settings)
    worker = _share_with_workers(settings)
    conf_dir = settings.nginx_dir / "conf"
    write_file(settings.data_dir / _WELCOME, (template_dir() / _WELCOME).read_bytes())
    (settings.nginx_dir / "tmp").mkdir(exist_ok=True)
    files = own_files(settings, site_list, conf_dir, worker_user=_user_directive(worker))
    with Releases(conf_dir).switched(files):
        check_config(program, conf_dir / MAIN_FILE)
    with listen_on(settings.socket_path) as listener:
        supervisor = Supervisor(
            settings=settings,
            conf_dir=conf_dir,
            nginx=program,
            listener=listener,
            environment=environment,
            announce=lambda text: click.secho(f"authsvc: {text}", err=True, fg="yellow"),
            ready=lambda: _greet(settings, _first_token(settings)),
        )
        asyncio.run(supervisor.run())


def _check_no_service(settings: Settings) -> None:
    """Raise InUse when a service runs alone; it would lose its socket to ours.

    One that a killed parent has left behind gets the time to end.
    """
    deadline = time.monotonic() + _LEFTOVER_SECONDS
    while True:
        try:
            lock_data_dir(settings.run_dir, "serve").close()
        except InUse:
            if time.monotonic() > deadline:
                raise
            time.sleep(_LEFTOVER_POLL_SECONDS)
        else:
            return


def _check_port(settings: Settings) -> None:
    """Raise InUse when nginx could not listen; it would say so only in its log."""
    is_everywhere = settings.listen == "*"
    _try_to_listen(socket.AF_INET, "" if is_everywhere else settings.listen, settings.port)
    if settings.ipv6:
        _try_to_listen(socket.AF_INET6, "::" if is_everywhere else "::1", settings.port)


def _try_to_listen(family: socket.AddressFamily, address: str, port: int) -> None:
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            raise InUse(
                reason=f"port {port} on {address or '*'} cannot be used: {error.strerror}; "
                "choose another: make run PORT=8081, or authsvc up --port 8081"
            ) from error


def _first_token(settings: Settings) -> str | None:
    """Make a token where there is none. Late: one that is not shown is lost."""
    with opened(settings) as backends:
        if backends.catalog.access.read().tokens:
            return None
        text = new_token()
        backends.catalog.access.add_token(Token(_FIRST_TOKEN_NAME, fingerprint(text), Scope.UPLOAD, int(time.time())))
        return text


def _share_with_workers(settings: Settings) -> Account | None:
    """Choose whom nginx's workers run as, and let that user read the pictures.

    None where it cannot be chosen. Under root it is nginx's usual user, unless
    a closed folder keeps that one out; then the owner of that folder.
    """
    if os.geteuid() != 0:
        return None
    worker = _usual_worker()
    share_with_group(settings, worker.gid, blobs=open_store(settings).folder)
    path = settings.data_dir.resolve()
    tried = {worker.uid}
    while (closed := first_closed_folder(path, worker)) is not None:
        # Folders of several owners, closed to each other, leave only root.
        uid = closed.stat().st_uid if len(tried) == 1 else 0
        try:
            owner = pwd.getpwuid(0 if uid in tried else uid)
        except KeyError as error:
            raise Broken(
                reason=f"nginx's workers cannot run as the owner of {closed}, who has no name; "
                "choose another --data-dir"
            ) from error
        click.echo(
            f"nginx's workers run as {owner.pw_name}, because {worker.name} may not look into {closed}", err=True
        )
        worker = Account(owner.pw_name, owner.pw_uid, owner.pw_gid)
        tried.add(worker.uid)
        share_with_group(settings, worker.gid, blobs=open_store(settings).folder)
    return worker


def _usual_worker() -> Account:
    for name in _NGINX_USERS:
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise Broken(reason=f"none of the users {', '.join(_NGINX_USERS)} exists; install nginx from the distribution")


def _user_directive(worker: Account | None) -> str:
    return "" if worker is None else f"{worker.name} {grp.getgrgid(worker.gid).gr_name}"


def _greet(settings: Settings, first_token: str | None) -> None:
    """Tell a newcomer where everything is and how to begin."""
    path = str(settings.data_dir / _WELCOME)
    # Outside quotes of its own, curl takes a comma for the end of the name.
    picture = shlex.quote(f'file=@"{path}"' if "," in path else f"file=@{path}")
    token = first_token or "YOUR-TOKEN"
    click.echo(f"authsvc answers on {settings.base_url}   (stop it with Ctrl-C)")
    click.echo(f"its data lies in   {settings.data_dir}")
    if first_token is not None:
        click.echo("your first token, shown this once:")
        click.secho(f"  {first_token}", bold=True)
    else:
        command = f"{shlex.quote(sys.argv[0])} --data-dir {shlex.quote(str(settings.data_dir))}"
        click.echo(f"a new token:       {command} token add NAME")
    click.echo("upload a picture:")
    click.echo(f"  curl -H 'token: {token}' -F {picture} http://{settings.local_host}:{settings.port}/api/v1/upimg")
