"""Follow docs/operations.md from one server to another, and from `make run` to a server."""

import re
import shutil
import signal
from pathlib import Path

from tests.support.server.checkout import PLACE, put_files
from tests.support.server.kept import file_facts, installable, kept
from tests.support.server.machine import Machine
from tests.support.server.operations_page import SETTINGS, edit, follow, take
from tests.support.server.steps import run_step
from tests.support.server.visits import assert_works, read, upload
from tests.support.stack import wait_until

PACK = take("## Move to another server", "systemctl stop")
UNPACK = take(
    "## Move to another server",
    "make install DOMAIN=img.example.com\nsystemctl stop authsvc.socket authsvc.service authsvc-sites.path\n",
)
FROM_MAKE_RUN = take(
    "## Move to another server", "make install DOMAIN=img.example.com\nsystemctl stop authsvc.socket authsvc.service\n"
)
STAMP = ".venv/run.stamp"
PACKAGED = (
    *("Makefile", "pyproject.toml", "requirements/build.txt", "requirements/run.txt", "authsvc/__init__.py"),
    *("README.md", "scripts/need-packages", "scripts/quietly"),
)
"""What the environment of `make run` is made of."""
START_SECONDS = 120
MOVED = "/root/authsvc-move.tar"
OF_OTHERS = "find /var/lib/authsvc ! -user authsvc -o ! -group authsvc"
EVERYTHING = "authsvc site list --json; authsvc token list --json"


def test_new_server_gets_pictures_sites_tokens_and_settings(server: Machine, fresh_with_release: Machine) -> None:
    fresh = fresh_with_release
    edit(server, SETTINGS, "\ndata_dir", "\nmax_upload_bytes = 500000\ndata_dir")
    path = upload(server)
    lists = server.shell(EVERYTHING)
    follow(server, PACK)
    # So that the service's user gets another number than on the old server.
    fresh.run("useradd", "--system", "--user-group", "somebody")
    shutil.copy(server.path(MOVED), fresh.path(MOVED))
    shutil.copy(server.path("/root/token"), fresh.path("/root/token"))
    follow(fresh, UNPACK)
    assert owner(fresh) != owner(server)
    assert fresh.shell(OF_OTHERS) == ""
    assert fresh.shell(EVERYTHING) == lists
    assert read(fresh, path, "blog.example.com") == "200"
    assert read(fresh, path, "stranger.example.net") == "403"
    assert_works(fresh)
    assert_works(fresh, "pics.example.org")
    assert re.search(r"max_upload_bytes +500000 ", fresh.run("authsvc", "check-config").stdout)
    assert fresh.run("make", "-C", PLACE, "install").returncode == 0
    assert_works(fresh)


def owner(machine: Machine) -> tuple[int, int]:
    folder = machine.path("/var/lib/authsvc/blobs").stat()
    return folder.st_uid, folder.st_gid


def make_environment(folder: Path) -> None:
    """Make the environment of `make run`, which depends only on the locked packages."""
    with Machine() as machine:
        put_files(machine, installable())
        machine.chroot("make", "-C", PLACE, STAMP, timeout=300)
        run_step("cp", "--archive", f"{machine.path(PLACE)}/.venv/.", folder)


def put_environment(machine: Machine) -> None:
    with kept("run", file_facts([__file__, *PACKAGED]), make_environment) as folder:
        run_step("cp", "--archive", folder, machine.path(f"{PLACE}/.venv"))
    machine.path(f"{PLACE}/{STAMP}").touch()


def test_pictures_of_make_run_are_served_after_the_installation(fresh_with_release: Machine) -> None:
    fresh = fresh_with_release
    put_environment(fresh)
    tried = fresh.start("make", "run", cwd=PLACE)
    assert tried.stdout
    said = ""
    while "upload a picture:" not in said:
        line = tried.stdout.readline()
        assert line, said
        said += line
    token = re.search(r"shown only once:\s+(\S+)", said)
    assert token
    fresh.path("/root/token").write_text(token[1], "ascii")
    path = upload(fresh, "localhost:8080")
    fresh.run(f"{PLACE}/.venv/bin/authsvc", "--data-dir", f"{PLACE}/var", "site", "add", "blog.example.com")
    tried.send_signal(signal.SIGTERM)
    tried.wait(START_SECONDS)
    follow(fresh, FROM_MAKE_RUN)
    assert fresh.shell(OF_OTHERS) == ""
    wait_until(lambda: read(fresh, path, "blog.example.com") == "200", "the old picture is served", seconds=10)
    assert read(fresh, path, "stranger.example.net") == "403"
    assert_works(fresh)
