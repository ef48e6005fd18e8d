"""Run the service: `python -m authsvc.service.main`.

With `--listen-fd N` it listens on that inherited socket, which its parent keeps
open across restarts; otherwise it makes its own. `authsvc up`, `authsvc serve`
and systemd start it. It does not import the command line, which would take
memory for as long as the service runs.
"""

import logging
import os
import socket
import sys
from contextlib import AsyncExitStack
from typing import Final

import uvicorn
from starlette.applications import Starlette

from authsvc.errors import AuthsvcError, BadSetting
from authsvc.service.app import create_app
from authsvc.service.one_write_protocol import OneWriteProtocol
from authsvc.service.systemd import notify, watchdog_seconds
from authsvc.settings import Settings, load
from authsvc.system.locks import lock_data_dir
from authsvc.system.sockets import LISTEN_FD_OPTION, listen_on
from authsvc.times import TIMES

KEEP_ALIVE_SECONDS: Final = 75
"""Longer than nginx's 60 s: the side that sends the request must close first."""
BAD_SETTING_STATUS: Final = 78
"""EX_CONFIG of sysexits.h, under systemd: starting the service again does not help."""

_log = logging.getLogger("authsvc")

# syslog(3)'s numbers.
_PRIORITIES: Final = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (0, 7))


def run(settings: Settings, listen_fd: int | None) -> None:
    """Serve until SIGTERM or SIGINT. Raises AuthsvcError or OSError when it cannot start."""
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    with lock_data_dir(settings.run_dir, "serve"):
        app = create_app(settings)
        listener = listen_on(settings.socket_path) if listen_fd is None else None
        watchdog = watchdog_seconds()
        config = uvicorn.Config(
            app,
            fd=listen_fd if listener is None else listener.fileno(),
            # Nothing here uses the client's address: nginx applies the limits.
            proxy_headers=False,
            http=OneWriteProtocol,
            ws="none",
            lifespan="off",  # _Server runs it: uvicorn would log a traceback and lose the error
            log_level="warning",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=round(TIMES.service_grace),
            callback_notify=None if watchdog is None else _notify_watchdog,
            # A third of the time, so that one late message does not end the service.
            timeout_notify=max(1, int((watchdog or 0) / 3)),
        )
        _Server(config, app).run()


async def _notify_watchdog() -> None:
    notify("WATCHDOG=1")


class _Server(uvicorn.Server):
    """uvicorn's server, which runs the application's lifespan and reports to systemd.

    An error of the start-up work is raised by `run` unchanged.
    """

    def __init__(self, config: uvicorn.Config, app: Starlette) -> None:
        super().__init__(config)
        self._app = app
        self._lifespan = AsyncExitStack()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await self._lifespan.enter_async_context(self._app.router.lifespan_context(self._app))
        await super().startup(sockets)
        if self.started:
            notify("READY=1")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        notify("STOPPING=1")
        await super().shutdown(sockets)
        await self._lifespan.aclose()


class _JournalFormatter(logging.Formatter):
    """Starts each line with its priority, which the journal removes: sd-daemon(3)."""

    def format(self, record: logging.LogRecord) -> str:
        priority = next(number for level, number in _PRIORITIES if record.levelno >= level)
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines())


def _is_journal() -> bool:
    return "JOURNAL_STREAM" in os.environ


def _set_up_log() -> None:
    handler = logging.StreamHandler()
    style = _JournalFormatter("%(message)s") if _is_journal() else logging.Formatter("authsvc: %(message)s")
    handler.setFormatter(style)
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    # It would log a line for every malformed body, and anybody can send those.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)


def main(arguments: list[str]) -> int:
    """Run with the environment's settings; return an exit status.

    `arguments` is empty, or `--listen-fd N`.
    """
    _set_up_log()
    listen_fd = int(arguments[1]) if arguments[:1] == [LISTEN_FD_OPTION] else None
    try:
        loaded = load()
        for note in loaded.notes:
            _log.warning("%s", note)
        run(loaded.settings, listen_fd)
    except BadSetting as error:
        _failed(error.text)
        return BAD_SETTING_STATUS if _is_journal() else 1
    except AuthsvcError as error:
        return _failed(error.text)
    except OSError as error:
        return _failed(f"{error.filename or 'error of the operating system'}: {error.strerror}")
    return 0


def _failed(reason: str) -> int:
    sys.stderr.write(f"{'<3>' if _is_journal() else 'authsvc: '}{reason}\n")
    return 1


if __name__ == "__main__":
    os.umask(0o027)
    sys.exit(main(sys.argv[1:]))
