"""Run the service: `python -m authsvc.serve`.

With `--listen-fd N` it listens on that inherited socket, which its parent keeps
open across restarts, else on one of its own. `authsvc up` and `authsvc serve`
start it; it does not import them, because the command line would cost it
memory all its life.
"""

import logging
import os
import sys
from typing import Final

import uvicorn

from authsvc.app import create_app
from authsvc.errors import AuthsvcError
from authsvc.settings import Settings, load
from authsvc.sockets import LISTEN_FD_OPTION, listen_on, lock_data_dir

KEEP_ALIVE_SECONDS: Final = 75
"""Above nginx's 60 s: the side that sends the request must close first."""
GRACE_SECONDS: Final = 4
"""For uploads under way when the service is told to stop."""


def run(settings: Settings, listen_fd: int | None) -> None:
    """Serve until SIGTERM or SIGINT. Raises AuthsvcError when it cannot start."""
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    with lock_data_dir(settings.run_dir, "serve"):
        app = create_app(settings)
        listener = listen_on(settings.socket_path) if listen_fd is None else None
        config = uvicorn.Config(
            app,
            fd=listen_fd if listener is None else listener.fileno(),
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        uvicorn.Server(config).run()


def main(arguments: list[str]) -> int:
    """Run with the environment's settings; return an exit status.

    `arguments` is empty, or `--listen-fd N`.
    """
    logging.basicConfig(level=logging.WARNING, format="authsvc: %(message)s")
    # It would log a line for every malformed body, which strangers can send.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    listen_fd = int(arguments[1]) if arguments[:1] == [LISTEN_FD_OPTION] else None
    try:
        run(load().settings, listen_fd)
    except AuthsvcError as error:
        sys.stderr.write(f"authsvc: {error.text}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"authsvc: {error.filename}: {error.strerror}\n")
        return 1
    return 0


if __name__ == "__main__":
    os.umask(0o027)
    sys.exit(main(sys.argv[1:]))
