"""The first of the two commands, on a machine with nothing but the distribution."""

import math
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.install.tree import USER, Run, Tree
from tests.support.stack import free_port
from tests.support.up.fresh import curl_line, paste, short_folder
from tests.support.up.processes import children, descendants, naming, uid_of


@pytest.fixture(autouse=True)
def _installed(first_run: Run) -> None:
    assert first_run.process.poll() is None


def test_ordinary_user_uploads_with_the_printed_line(first_run: Run) -> None:
    answer = paste(curl_line(first_run.output))
    assert '"path"' in answer.stdout, answer.stdout + answer.stderr
    assert {uid_of(process.pid) for process in descendants(first_run.process.pid)} == {USER.pw_uid}


def test_first_start_fits_on_one_screen(first_run: Run) -> None:
    """A screen has 24 lines of 80 characters; the prompt needs one of them."""
    lines = first_run.output.splitlines()
    assert sum(max(1, math.ceil(len(line) / 80)) for line in lines) < 24, first_run.output
    assert "WARNING" not in first_run.output


def test_failed_installation_shows_the_error_of_pip(tree: Tree) -> None:
    done = tree.call("scripts/quietly", ".venv/bin/python", "-m", "pip", "install", "--no-index", "no-such-package")
    assert done.returncode != 0
    assert "No matching distribution found for no-such-package" in done.stderr


def test_environment_comes_from_the_lock_with_hashes(tree: Tree) -> None:
    locked = (tree.folder / "requirements" / "run.txt").read_text()
    assert "--hash=sha256:" in locked
    installed = tree.call(".venv/bin/python", "-m", "pip", "list", "--format=freeze").stdout.split()
    pins = {normal(pin) for pin in re.findall(r"^[\w.-]+==[^\s;]+", locked, re.MULTILINE)}
    foreign = {normal(line).partition("==")[0] for line in installed if normal(line) not in pins}
    assert foreign <= {"authsvc", "pip", "setuptools"}


def normal(pin: str) -> str:
    return re.sub(r"[-_.]+", "-", pin.lower())


def test_second_make_installs_nothing(tree: Tree) -> None:
    planned = tree.call("make", "-n", "run").stdout
    assert "authsvc" in planned
    assert "pip install" not in planned


def test_port_in_use_is_one_line(tree: Tree, first_run: Run) -> None:
    port = curl_line(first_run.output).partition("localhost:")[2].partition("/")[0]
    done = tree.call("make", "run", f"PORT={port}", "DATA_DIR=./other")
    assert done.returncode != 0
    said = [line for line in done.stderr.splitlines() if not line.startswith("make: ")]
    assert len(said) == 1, done.stderr
    assert f"port {port} " in said[0]


def test_unwritable_data_folder_is_one_line(tree: Tree) -> None:
    with short_folder() as folder:
        done = tree.authsvc("--data-dir", str(folder / "data"), "up", "--port", str(free_port()))
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
        assert "Permission denied" in done.stderr
        assert naming(folder) == []


@pytest.mark.parametrize("command", [["serve"], ["init"]], ids=" ".join)
def test_unwritable_data_folder_is_one_line_for_other_commands(tree: Tree, command: list[str]) -> None:
    with short_folder() as folder:
        done = tree.authsvc("--data-dir", str(folder / "data"), *command)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr


@pytest.fixture(scope="module")
def foreign_folder(tree: Tree, first_run: Run) -> Iterator[Path]:
    """A data folder that root has made."""
    assert first_run.process.poll() is None
    with short_folder() as folder:
        made = tree.authsvc("--data-dir", str(folder / "data"), "init", as_root=True)
        assert made.returncode == 0, made.stderr
        yield folder / "data"


@pytest.mark.parametrize("command", [["up", "--port", "18080"], ["init"], ["token", "list"], ["serve"]], ids=" ".join)
def test_data_folder_of_another_user_is_one_line(tree: Tree, foreign_folder: Path, command: list[str]) -> None:
    done = tree.authsvc("--data-dir", str(foreign_folder), *command)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert done.stderr.startswith("authsvc: ")


WITHOUT_NGINX = (
    # In its own mount namespace, where nginx's path is not a program.
    "mount --bind /dev/null /usr/sbin/nginx && "
    f"exec setpriv --reuid={USER.pw_uid} --regid={USER.pw_gid} --clear-groups "
)
ADVICE = "packages are missing; install them: sudo apt-get install nginx\n"


def test_missing_nginx_is_one_line_with_the_command(tree: Tree) -> None:
    done = tree.call("unshare", "-m", "sh", "-c", WITHOUT_NGINX + "scripts/need-packages run", as_root=True)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", ADVICE)


def test_make_stops_where_nginx_is_missing(tree: Tree) -> None:
    done = tree.call("unshare", "-m", "sh", "-c", WITHOUT_NGINX + "make -B .venv/run.stamp", as_root=True)
    assert done.returncode != 0
    assert done.stdout == ""
    assert [line for line in done.stderr.splitlines(keepends=True) if not line.startswith("make: ")] == [ADVICE]


def test_root_runs_it_below_a_closed_home(tree: Tree) -> None:
    with short_folder() as home:
        home.chmod(0o700)
        checkout = home / "authsvc"
        shutil.copytree(tree.folder, checkout, ignore=shutil.ignore_patterns("var", "screen-*", ".venv"))
        # The environment names its own place; a link gives it two.
        (checkout / ".venv").symlink_to(tree.folder / ".venv")
        moved = Tree(checkout)
        with moved.running(Path("var"), as_root=True) as run:
            assert f"workers run as root, because www-data may not enter {home}" in run.output
            answer = paste(curl_line(run.output))
            assert '"path"' in answer.stdout, answer.stdout + answer.stderr
            master = next(pid for pid in (p.pid for p in descendants(run.process.pid)) if is_nginx(pid))
            assert {uid_of(pid) for pid in children(master)} == {0}


def is_nginx(pid: int) -> bool:
    return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"nginx: master")
