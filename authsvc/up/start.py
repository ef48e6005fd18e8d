"""Prepare the data folder and nginx's files, then run the supervisor."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Final

from authsvc.access.site_list_file import publish_sites
from authsvc.access.tokens import fingerprint, new_token
from authsvc.backends import opened, prepare_data_dir
from authsvc.errors import Broken, InUse
from authsvc.model import Scope, Token
from authsvc.nginx.program import check_config, nginx_program
from authsvc.nginx.release import Releases
from authsvc.nginx.render import MAIN_FILE, own_files
from authsvc.nginx.templates import template_dir
from authsvc.settings import Settings
from authsvc.system.atomic import write_file
from authsvc.system.locks import lock_data_dir
from authsvc.system.sockets import listen_on
from authsvc.up.nginx import SupervisedNginx
from authsvc.up.ports import check_port
from authsvc.up.service import SupervisedService
from authsvc.up.supervisor import Supervisor
from authsvc.up.worker_account import share_with_workers, user_directive

WELCOME: Final = "welcome.png"
"""A picture in the data folder for the first upload."""

_FIRST_TOKEN_NAME: Final = "first"  # noqa: S105 — a name
# How long the service of a killed parent may take to end.
_LEFTOVER_SECONDS: Final = 5.0
_LEFTOVER_POLL_SECONDS: Final = 0.05


def run(
    settings: Settings,
    environment: Mapping[str, str],
    *,
    announce: Callable[[str], None],
    greet: Callable[[str | None], None],
) -> None:
    """Run service and nginx until a signal ends them. Raises AuthsvcError when they cannot be kept running.

    `environment` is the service's. `announce` gets each message for the
    operator; `greet` is called once, when both answer, with the first token if
    one was made.
    """
    try:
        settings.run_dir.mkdir(parents=True, exist_ok=True)
        lock = lock_data_dir(settings.run_dir, "up")
    except OSError as error:
        raise Broken(reason=f"{error.filename}: {error.strerror}; choose another --data-dir") from error
    with lock:
        _check_no_service(settings)
        check_port(settings)
        nginx = _prepare(settings, announce)
        with listen_on(settings.socket_path) as listener:
            supervisor = Supervisor(
                settings=settings,
                service=SupervisedService(settings, listener, environment, announce),
                nginx=nginx,
                announce=announce,
                greet=lambda: greet(_first_token(settings)),
            )
            asyncio.run(supervisor.run())


def _prepare(settings: Settings, announce: Callable[[str], None]) -> SupervisedNginx:
    """Make the data folder and nginx's files, and let nginx check them."""
    program = nginx_program(settings)
    prepare_data_dir(settings)
    with opened(settings) as backends:
        site_list = publish_sites(backends.catalog.access, settings)
    worker = share_with_workers(settings, announce=announce)
    conf_dir = settings.nginx_dir / "conf"
    write_file(settings.data_dir / WELCOME, (template_dir() / WELCOME).read_bytes())
    (settings.nginx_dir / "tmp").mkdir(exist_ok=True)
    files = own_files(settings, site_list, conf_dir, worker_user=user_directive(worker))
    with Releases(conf_dir).switched(files):
        check_config(program, conf_dir / MAIN_FILE)
    return SupervisedNginx(settings, program, conf_dir / MAIN_FILE)


def _check_no_service(settings: Settings) -> None:
    """Raise InUse when `authsvc serve` runs: this start would take its socket.

    A service whose parent was killed gets time to end.
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


def _first_token(settings: Settings) -> str | None:
    """Create the first token if there is none. Only after the start succeeded, because the token is shown once."""
    with opened(settings) as backends:
        if backends.catalog.access.read().tokens:
            return None
        text = new_token()
        backends.catalog.access.add_token(Token(_FIRST_TOKEN_NAME, fingerprint(text), Scope.UPLOAD, int(time.time())))
        return text
