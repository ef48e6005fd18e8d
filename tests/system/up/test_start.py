import shlex
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stack import AUTHSVC, free_port
from tests.support.up.fresh import TOKEN, FreshStack, curl_line, paste, short_folder, shown_token
from tests.support.up.processes import children


@pytest.fixture(scope="module")
def started() -> Iterator[FreshStack]:
    with FreshStack() as running:
        yield running


def test_greeting_names_the_address_and_the_data_folder(started: FreshStack) -> None:
    assert f"http://localhost:{started.port}" in started.output.splitlines()[0]
    assert str(started.data_dir) in started.output.splitlines()[1]


def test_pasted_curl_line_uploads_the_first_picture(started: FreshStack) -> None:
    answer = paste(curl_line(started.output))
    assert '"status": 0' in answer.stdout or '"status":0' in answer.stdout, answer.stdout + answer.stderr


def test_first_token_is_written_nowhere(started: FreshStack) -> None:
    secret = shown_token(started.output).encode()
    files = [path for path in started.data_dir.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if secret in path.read_bytes()] == []


def test_pid_files_name_the_children_of_the_parent(started: FreshStack) -> None:
    parent = started.process.pid
    assert sorted(children(parent)) == sorted([started.pid("service"), started.pid("nginx")])
    assert b"authsvc.service.main" in Path(f"/proc/{started.pid('service')}/cmdline").read_bytes()
    assert b"nginx: master" in Path(f"/proc/{started.pid('nginx')}/cmdline").read_bytes()


def test_old_name_of_a_setting_is_accepted_with_one_note() -> None:
    with FreshStack(hosts="a.example") as stack:
        notes = [line for line in stack.output.splitlines() if "is now called" in line]
        assert notes == ["authsvc: setting hosts is now called extra_hosts; rename it in the environment"]
        assert "a.example" in stack.json_of("site", "list")["own_hosts"]


def test_starts_are_measured_and_only_the_first_shows_a_token() -> None:
    firsts, seconds = [], []
    for _ in range(3):
        begun = time.monotonic()
        with FreshStack() as stack:
            firsts.append(time.monotonic() - begun)
            first = stack.output
            stack.stop()
            begun = time.monotonic()
            stack.start()
            seconds.append(time.monotonic() - begun)
            again = stack.output
        assert len(set(TOKEN.findall(first))) == 1
        assert not TOKEN.search(again)
        assert "YOUR-TOKEN" in curl_line(again)
    print(f"ready: first start {statistics.median(firsts):.2f} s, second {statistics.median(seconds):.2f} s (medians)")


def test_second_start_names_the_command_that_makes_a_token() -> None:
    with FreshStack() as stack:
        stack.stop()
        stack.start()
        line = next(line for line in stack.output.splitlines() if line.startswith("a new token:"))
        command = shlex.split(line.partition(":")[2].replace("NAME", "second"))
        made = subprocess.run(
            command, env=stack.environment, capture_output=True, text=True, check=True, timeout=60
        ).stdout.strip()
        answer = paste(curl_line(stack.output).replace("YOUR-TOKEN", made))
        assert '"path"' in answer.stdout, answer.stdout + answer.stderr


def test_curl_line_works_from_a_folder_with_blanks_and_commas() -> None:
    with short_folder() as above, FreshStack(data_dir=made(above / "my pictures, all")) as stack:
        answer = paste(curl_line(stack.output))
        assert '"path"' in answer.stdout, answer.stdout + answer.stderr


def test_first_token_is_still_shown_when_the_very_first_start_was_refused() -> None:
    with short_folder() as folder:
        stack = FreshStack(data_dir=folder, hotlink_placeholder="/etc/hostname")
        refused = stack.run("up", "--port", str(free_port()))
        assert refused.returncode == 1, refused.stderr
        del stack.environment["AUTHSVC_HOTLINK_PLACEHOLDER"]
        with stack:
            assert TOKEN.search(stack.output), stack.output


def test_option_port_wins_over_the_environment() -> None:
    taken = free_port()
    with FreshStack(port=taken) as stack:
        assert stack.port != taken
        assert f"http://localhost:{stack.port}" in stack.output
        assert stack.get("/robots.txt").status_code == 200


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_module_can_be_run_by_name() -> None:
    python = Path(AUTHSVC).with_name("python")
    done = subprocess.run(
        [python, "-m", "authsvc", "--version"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.startswith("authsvc ")
