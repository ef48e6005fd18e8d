"""The messages to systemd, from the function and from the running service."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from authsvc.service.systemd import notify, watchdog_seconds

WATCHDOG = "WATCHDOG=1"


@contextmanager
def listening(address: str) -> Iterator[socket.socket]:
    """Listen as systemd does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        listener.settimeout(60)
        yield listener


@contextmanager
def service(folder: Path, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    """Run the service as its unit does, on an inherited socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(folder / "s"))
        listener.listen()
        command = [sys.executable, "-m", "authsvc.service.main", "--listen-fd", str(listener.fileno())]
        process = subprocess.Popen(
            command,
            env={**os.environ, "AUTHSVC_DATA_DIR": str(folder / "data"), **environment},
            cwd=Path(__file__).parents[3],
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=[listener.fileno()],
        )
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=60)


def ask(folder: Path, request: bytes) -> bytes:
    """Send bytes to the service; return all that it answers."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(str(folder / "s"))
        connection.sendall(request)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return answer


def test_message_reaches_a_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(str(folder / "n")) as systemd:
        monkeypatch.setenv("NOTIFY_SOCKET", str(folder / "n"))
        notify("READY=1")
        assert systemd.recv(100) == b"READY=1"


def test_message_reaches_an_abstract_name(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"authsvc-test-{os.getpid()}"
    with listening(f"\0{name}") as systemd:
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        notify("STOPPING=1")
        assert systemd.recv(100) == b"STOPPING=1"


@pytest.mark.parametrize("address", ["", "/nonexistent/socket", "@nobody-listens-here"])
def test_message_that_nobody_receives_is_ignored(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify("READY=1")


def test_without_an_address_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")


@pytest.mark.parametrize(
    ("variables", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": ""}, None),
    ],
    ids=["not watched", "watched", "this process", "another process", "no number", "empty"],
)
def test_watchdog_is_for_the_process_that_systemd_names(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], seconds: float | None
) -> None:
    for name in ("WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert watchdog_seconds() == seconds


def test_service_reports_ready_watchdog_and_stopping(folder: Path) -> None:
    with (
        listening(str(folder / "n")) as systemd,
        service(folder, NOTIFY_SOCKET=str(folder / "n"), WATCHDOG_USEC="3000000") as process,
    ):
        said = [systemd.recv(100).decode()]
        # WATCHDOG=1 may come before READY=1, because the event loop already runs.
        while said[-1] == WATCHDOG:
            said.append(systemd.recv(100).decode())
        assert said[-1] == "READY=1"
        answer = ask(folder, b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["status"] == "ready"
        assert [systemd.recv(100).decode() for _ in range(2)] == [WATCHDOG, WATCHDOG]
        process.send_signal(signal.SIGTERM)
        while (last := systemd.recv(100).decode()) == WATCHDOG:
            continue
        assert last == "STOPPING=1"
        assert process.wait(60) in {0, -signal.SIGTERM}


def test_service_without_a_watchdog_reports_ready_and_stopping_only(folder: Path) -> None:
    with listening(str(folder / "n")) as systemd, service(folder, NOTIFY_SOCKET=str(folder / "n")) as process:
        assert systemd.recv(100) == b"READY=1"
        process.send_signal(signal.SIGTERM)
        assert systemd.recv(100) == b"STOPPING=1"


def test_journal_gets_the_priority_of_each_line(folder: Path) -> None:
    with service(folder, JOURNAL_STREAM="1:2") as process:
        assert b"400 Bad Request" in ask(folder, b"garbage\r\n\r\n")
        assert process.stderr
        assert process.stderr.readline() == "<4>Invalid HTTP request received.\n"


def test_failed_start_that_may_succeed_later_exits_with_1(folder: Path) -> None:
    (folder / "data").write_text("in its place")
    with service(folder, JOURNAL_STREAM="1:2") as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said.startswith(f"<3>{folder}/data")


@pytest.mark.parametrize(
    "file", ["blobs", "catalog/catalog.sqlite3"], ids=["folder is a file", "catalog is unreadable"]
)
def test_failed_start_up_work_is_one_line_and_never_ready(folder: Path, file: str) -> None:
    broken = folder / "data" / file
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"not what belongs here" * 1000)
    with (
        listening(str(folder / "n")) as systemd,
        service(folder, JOURNAL_STREAM="1:2", NOTIFY_SOCKET=str(folder / "n")) as process,
    ):
        _, said = process.communicate(timeout=60)
        assert process.returncode == 1
        assert said.startswith("<3>")
        assert said.count("\n") == 1
        systemd.settimeout(0)
        with pytest.raises(BlockingIOError):
            systemd.recv(100)


def test_log_line_on_a_terminal_starts_with_the_program_name(folder: Path) -> None:
    with service(folder) as process:
        assert b"400 Bad Request" in ask(folder, b"garbage\r\n\r\n")
        assert process.stderr
        assert process.stderr.readline() == "authsvc: Invalid HTTP request received.\n"


def test_journal_gets_the_reason_of_a_failed_start_as_an_error(folder: Path) -> None:
    with service(folder, JOURNAL_STREAM="1:2", AUTHSVC_PORT="0") as process:
        _, said = process.communicate(timeout=60)
    # systemd does not start it again for a setting that is still bad.
    assert process.returncode == 78
    assert said.startswith("<3>setting port")
    assert said.count("\n") == 1
