"""Check the service: whether it answers on its socket, and which problems it reports."""

import http.client
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from authsvc.doctor.finding import Finding, failure, fine, warning
from authsvc.settings import Settings

TIMEOUT_SECONDS: Final = 5.0
_MAX_ANSWER_BYTES: Final = 2**20

_START: Final = "systemctl restart authsvc.socket authsvc; journalctl -u authsvc -n 20"


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(os.fspath(self._path))


def ask_service(settings: Settings, address: str) -> dict[str, Any]:
    """Return the service's JSON at `address`. Raises OSError when it does not answer."""
    connection = _UnixConnection(settings.socket_path)
    try:
        connection.request("GET", address)
        answer = json.loads(connection.getresponse().read(_MAX_ANSWER_BYTES))
    except (http.client.HTTPException, ValueError) as error:
        msg = f"its answer is not valid: {error}"
        raise OSError(msg) from error
    finally:
        connection.close()
    if not isinstance(answer, dict):
        msg = "its answer is not a JSON object"
        raise OSError(msg)
    return answer


def check_service(settings: Settings) -> Iterator[Finding]:
    """Check that it answers and accepts uploads."""
    path = settings.socket_path
    try:
        answer = ask_service(settings, "/readyz")
    except OSError as error:
        yield failure("service", f"it does not answer on {path}: {error.strerror or error}", fix=_START)
        return
    problems = answer.get("problems")
    if not isinstance(problems, list):
        problems = ["the running service is another version than this command"]
    for problem in problems:
        yield failure("service", str(problem), fix="journalctl -u authsvc -n 20")
    if not problems:
        yield fine("service", f"it answers on {path} and accepts uploads")
    if answer.get("nginx_lags"):
        seen, wanted = answer.get("nginx_sites_revision"), answer.get("sites_revision")
        yield warning(
            "sites",
            f"nginx uses revision {seen} of the site list; the newest is {wanted}",
            fix="authsvc nginx install --reload",
        )
