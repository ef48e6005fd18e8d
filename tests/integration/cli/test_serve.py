import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from authsvc.service import main as service
from tests.support.pictures import picture
from tests.support.stack import AUTHSVC, Stack, free_port, wait_until
from tests.support.up.fresh import short_folder


@contextmanager
def serving(stack: Stack, *, stderr: IO[bytes] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run `authsvc serve` on the stack's data folder."""
    command = [AUTHSVC, "--data-dir", str(stack.data_dir), "serve"]
    process = subprocess.Popen(command, env=stack.environment, stderr=stderr)
    try:
        wait_until(lambda: answers(stack), "it answers")
        yield process
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def own_nginx(stack: Stack) -> Iterator[None]:
    """Run nginx by itself on the files that `nginx render` has written."""
    conf = Path(tempfile.mkdtemp(dir=stack.data_dir)) / "conf"
    stack.cli("nginx", "render", str(conf), "--user", "root root")
    (stack.data_dir / "nginx" / "tmp").mkdir(exist_ok=True)
    nginx = subprocess.Popen(["/usr/sbin/nginx", "-e", "stderr", "-c", str(conf / "nginx.conf")])
    try:
        wait_until((stack.data_dir / "run" / "nginx.pid").exists, "nginx runs")
        yield
    finally:
        nginx.send_signal(signal.SIGTERM)
        nginx.wait(60)


@pytest.mark.needs_nginx
def test_serve_makes_its_folder_and_works_with_an_own_nginx() -> None:
    with short_folder() as folder:
        stack = Stack(data_dir=folder, port=free_port())
        stack.port = int(stack.environment["AUTHSVC_PORT"])
        stack.client.base_url = f"http://127.0.0.1:{stack.port}"
        with stack.client, serving(stack), own_nginx(stack):
            path = stack.upload(picture())
            assert stack.get(path, Referer="http://localhost/").status_code == 200
            assert stack.get(path, Referer="https://stranger.example/").status_code == 403


def test_serve_replaces_a_leftover_socket() -> None:
    with short_folder() as folder:
        stack = Stack(data_dir=folder)
        with stack.client:
            with serving(stack) as process:
                assert stack.ask_service("/healthz").status_code == 200
                process.kill()
                process.wait(60)
            assert (folder / "run" / "authsvc.sock").is_socket()
            assert not answers(stack)
            with serving(stack):
                assert answers(stack)


def test_second_serve_is_refused() -> None:
    with short_folder() as folder:
        stack = Stack(data_dir=folder)
        with stack.client, serving(stack) as process:
            done = stack.run("serve")
            assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
            assert "in use by another `authsvc serve`" in done.stderr
            assert process.poll() is None
            assert answers(stack)


def test_serve_logs_one_note_for_an_old_name_of_a_setting(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with short_folder() as folder:
        stack = Stack(data_dir=folder, image_timeout=9)
        with stack.client, log.open("wb") as file, serving(stack, stderr=file):
            assert answers(stack)
    assert log.read_text().splitlines() == [
        "authsvc: setting image_timeout is now called decode_timeout; rename it in the environment"
    ]


def test_serve_ends_on_sigterm() -> None:
    with short_folder() as folder:
        stack = Stack(data_dir=folder)
        with stack.client, serving(stack) as process:
            process.terminate()
            assert process.wait(60) in {0, -signal.SIGTERM}


def test_folder_that_cannot_be_made_is_one_line() -> None:
    # Nobody, not even root, makes folders there.
    stack = Stack(data_dir=Path("/proc/authsvc"))
    with stack.client:
        done = stack.run("serve")
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("authsvc: /proc/authsvc")


def answers(stack: Stack) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        if probe.connect_ex(str(stack.data_dir / "run" / "authsvc.sock")) != 0:
            return False
    return stack.ask_service("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [("DATA_DIR", "/proc/authsvc", "/proc/authsvc"), ("PORT", "0", "allowed: 1 to 65535")],
    ids=["folder cannot be made", "setting out of range"],
)
def test_service_that_cannot_start_prints_the_reason_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str, value: str, words: str
) -> None:
    monkeypatch.setenv(f"AUTHSVC_{variable}", value)
    assert service.main([]) == 1
    error = capsys.readouterr().err
    assert error.startswith("authsvc: ")
    assert words in error
    assert error.count("\n") == 1
