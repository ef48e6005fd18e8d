"""What `authsvc up` refuses: one line on standard error, and nothing left running."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.stack import AUTHSVC, free_port, wait_until
from tests.support.up.fresh import FreshStack, short_folder
from tests.support.up.processes import naming


@pytest.fixture(scope="module")
def first() -> Iterator[FreshStack]:
    with FreshStack() as running:
        yield running


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as made:
        yield made


def refusal(stack: FreshStack, *arguments: str) -> str:
    """Run `up`, which must end by itself with status 1 and one line; return it."""
    done = stack.run("up", *(arguments or ("--port", str(free_port()))))
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("authsvc: ")
    return lines[0]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param({"hotlink_placeholder": "/nowhere.png"}, "hotlink_placeholder", id="placeholder is missing"),
        pytest.param({"missing_placeholder": "/etc/hostname"}, "not a JPEG", id="placeholder is not a picture"),
        pytest.param({"hotlink_placeholder": "/tmp"}, "hotlink_placeholder", id="placeholder is a folder"),
        pytest.param({"prot": "80"}, "did you mean 'port'", id="unknown setting"),
        pytest.param({"listen": "nowhere"}, "listen", id="setting out of range"),
        pytest.param({"listen": "192.0.2.1"}, "192.0.2.1 cannot be used", id="address of another machine"),
        pytest.param({"nginx": "no-such-nginx"}, "apt-get install nginx", id="nginx is missing"),
        pytest.param({"socket": "/proc/authsvc.sock"}, "the socket '/proc/authsvc.sock'", id="socket cannot be made"),
        pytest.param({"nginx": "/bin/false"}, "nginx refuses its configuration", id="nginx objects"),
        pytest.param({"data_dir": "x" * 100}, "107", id="path too long for a socket"),
    ],
)
def test_bad_setting_is_one_line(folder: Path, settings: dict[str, Any], words: str) -> None:
    stack = FreshStack(data_dir=folder / settings.pop("data_dir", "data"), **settings)
    with stack.client:
        assert words in refusal(stack)
    assert naming(folder) == []


def test_unknown_setting_in_the_file_is_one_line(folder: Path) -> None:
    (folder / "authsvc.toml").write_text("prot = 80\n")
    stack = FreshStack(data_dir=folder)
    with stack.client:
        assert "did you mean 'port'" in refusal(stack)


def test_folder_that_cannot_be_made_is_one_line() -> None:
    # Nobody, not even root, makes folders there.
    stack = FreshStack(data_dir=Path("/proc/authsvc"))
    with stack.client:
        assert "choose another --data-dir" in refusal(stack)


def test_data_folder_below_a_file_is_one_line(folder: Path) -> None:
    (folder / "file").touch()
    stack = FreshStack(data_dir=folder / "file" / "data")
    with stack.client:
        assert "choose another --data-dir" in refusal(stack)


def test_port_in_use_is_one_line(folder: Path) -> None:
    stack = FreshStack(data_dir=folder / "data")
    with stack.client, socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"port {port} " in refusal(stack, "--port", port)
    assert naming(folder) == []


def test_data_folder_of_another_up_is_one_line(first: FreshStack) -> None:
    service = first.pid("service")
    assert "in use by another `authsvc up`" in refusal(first)
    assert first.pid("service") == service
    assert first.ask_service("/readyz").status_code == 200


def test_serve_is_refused_while_up_runs(first: FreshStack) -> None:
    done = first.run("serve")
    assert done.returncode == 1
    assert "in use by another `authsvc" in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert first.ask_service("/readyz").status_code == 200


def test_data_folder_of_a_running_serve_is_refused_and_serve_goes_on(folder: Path) -> None:
    stack = FreshStack(data_dir=folder)
    with stack.client:
        serving = subprocess.Popen([AUTHSVC, "--data-dir", str(folder), "serve"], env=stack.environment)
        try:
            wait_until((folder / "run" / "authsvc.sock").exists, "it listens")
            before = stack.ask_service("/readyz").status_code
            line = refusal(stack)
            after = stack.ask_service("/readyz").status_code
        finally:
            serving.terminate()
            serving.wait(60)
    assert (before, after) == (200, 200)
    assert "in use by another `authsvc serve`" in line
