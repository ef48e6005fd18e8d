"""Run the product as a user does, `authsvc up` on a free port, and talk to it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2

from authsvc.times import TIMES, Times
from tests.support.cli.command import Home
from tests.support.prepared import put_catalog
from tests.support.times import environment_of

AUTHSVC = str(Path(sys.executable).with_name("authsvc"))
# Deadlines that only a fault exceeds: the machine may be busy with other things.
START_SECONDS = 90.0
STOP_SECONDS = 60.0
WAIT_SECONDS = 60.0

T = TypeVar("T")

_ONE_AT_A_TIME = threading.Lock()
"""Commands in this process share its streams and environment."""


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(probe: Callable[[], T], what: str, *, seconds: float = WAIT_SECONDS) -> T:
    """Return the first truthy result of `probe`; fail after `seconds`.

    The pauses become longer, up to a quarter of a second: a probe may be a
    command, and the processor is needed for what it waits for.
    """
    pause = threading.Event()
    begin = time.monotonic()
    while not (result := probe()):
        elapsed = time.monotonic() - begin
        if elapsed > seconds:
            message = f"not within {seconds} s: {what}"
            raise AssertionError(message)
        pause.wait(min(max(0.02, elapsed / 10), 0.25))
    return result


class Stack:
    """Service and nginx under one parent, in a data folder of their own.

    A context manager: it starts on entry; on exit it is stopped and its data
    removed. `settings` become environment variables AUTHSVC_…. `times` are
    how long its parts wait for each other.
    """

    def __init__(self, *, data_dir: Path | None = None, times: Times = TIMES, **settings: object) -> None:
        self.times = times
        self._token = ""
        self._own_folder = data_dir is None
        # Short, for the 107 bytes of a Unix socket's path.
        self.data_dir = data_dir or Path(tempfile.mkdtemp(prefix="asv-", dir="/tmp"))
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **os.environ,
            **{f"AUTHSVC_{name.upper()}": _spelled(value) for name, value in settings.items()},
            **environment_of(times),
        }
        self._lines: list[str] = []
        self.client = httpx2.Client(base_url=self.base, timeout=30)

    def __enter__(self) -> Self:
        # nginx's usual user has to reach the data, as it would in /var/lib.
        self.data_dir.chmod(0o755)
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        if self.process.poll() is None:
            self.stop()
        if self._own_folder:
            shutil.rmtree(self.data_dir)

    def start(self) -> None:
        """Start and wait until it shows how to upload."""
        self.prepare()
        command = [AUTHSVC, "--data-dir", str(self.data_dir), "up", "--port", str(self.port)]
        self.process = subprocess.Popen(
            command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._lines = []
        self._reader = threading.Thread(target=self._read_output, daemon=True)
        self._reader.start()
        wait_until(
            lambda: "upload a picture:" in self.output or self.process.poll() is not None,
            "the stack is ready",
            seconds=START_SECONDS,
        )
        assert self.process.poll() is None, self.output

    def prepare(self) -> None:
        """Give a new data folder a catalog with one token, so that no start has to run the migrations."""
        self._token = put_catalog(self.data_dir) or self._token

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it with a signal and return its exit status."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for its own end and return its exit status."""
        try:
            status = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise
        self._reader.join(STOP_SECONDS)
        return status

    @property
    def output(self) -> str:
        """All that it has printed so far."""
        return "".join(self._lines)

    def placeholder(self, name: str) -> bytes:
        """Return the picture that nginx shows in such a case: `hotlink.png` or `missing.png`."""
        return (self.data_dir / "nginx" / "conf" / "placeholders" / name).read_bytes()

    def pid(self, name: str) -> int:
        """Return the process number of `service` or `nginx`."""
        return int((self.data_dir / "run" / f"{name}.pid").read_text())

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run an `authsvc` command on this data folder."""
        return subprocess.run(
            [AUTHSVC, "--data-dir", str(self.data_dir), *arguments],
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def cli(self, *arguments: str, stdin: str = "") -> str:
        """Run a command that must succeed, in this process; return what it prints on stdout."""
        assert self.data_dir.stat().st_uid == os.geteuid(), "the command would become another user"
        with _ONE_AT_A_TIME:
            done = Home(self.data_dir).run(*arguments, stdin=stdin.encode(), environment=self.environment)
        assert done.status == 0, done.stderr
        return done.stdout

    @property
    def token(self) -> str:
        """A token that may upload; made now if the data folder was not prepared with one."""
        if not self._token:
            self._token = self.cli("token", "add", "tests").strip()
        return self._token

    def post(self, content: bytes, name: str = "picture.png", **headers: str) -> httpx2.Response:
        """Upload `content` as the field `file` and return the answer."""
        return self.client.post(
            "/api/v1/upimg",
            files={"file": (name, content)},
            headers={"token": self.token, **headers},
        )

    def upload(self, content: bytes, name: str = "picture.png") -> str:
        """Upload `content`, which must succeed; return its address path."""
        answer = self.post(content, name)
        assert answer.status_code == 200, answer.text
        path: str = answer.json()["data"]["path"]
        return path

    def get(self, path: str, **headers: str) -> httpx2.Response:
        """Read `path`; underscores in header names stand for hyphens."""
        spelled = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            return self.client.get(path, headers=spelled)
        except httpx2.RemoteProtocolError:
            # A reload of nginx ended the kept connection under way. As browsers do: RFC 9110, 9.2.2.
            return self.client.get(path, headers=spelled)

    def ask_service(self, path: str, headers: Mapping[str, str] | None = None) -> httpx2.Response:
        """Ask the service itself, past nginx, on its Unix socket."""
        transport = httpx2.HTTPTransport(uds=str(self.data_dir / "run" / "authsvc.sock"))
        with httpx2.Client(transport=transport, base_url="http://service", timeout=30) as client:
            return client.get(path, headers=headers)

    def raw(self, request: bytes, *, seconds: float = 10.0) -> bytes:
        """Send bytes as they are; return all that comes until the end or a pause."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
            return answer

    def json_of(self, *arguments: str) -> Any:  # noqa: ANN401 — whatever the command prints
        """Run a command with --json and return its output."""
        return json.loads(self.cli(*arguments, "--json"))

    def _read_output(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self._lines.append(line)


def _spelled(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
