"""Whom nginx's workers run as when root starts everything."""

import os
import pwd
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.pictures import noise, picture
from tests.support.stack import Stack, free_port
from tests.support.up.fresh import short_folder
from tests.support.up.processes import children, uid_of

WEB_UID = pwd.getpwnam("www-data").pw_uid
OWNER = pwd.getpwnam("nobody")
NAMELESS_UID = 54321


@pytest.fixture
def above() -> Iterator[Path]:
    with short_folder() as made:
        yield made


def worker_uids(stack: Stack) -> set[int]:
    return {uid_of(pid) for pid in children(stack.pid("nginx"))}


def assert_uploads_and_reads(stack: Stack) -> None:
    """Also a body that nginx cannot keep in memory, and both placeholders."""
    path = stack.upload(picture())
    assert stack.get(path).status_code == 200
    large = stack.upload(noise(200_000))
    assert len(stack.get(large).content) == 200_000
    denied, missing = stack.get(path, Referer="https://stranger.example/"), stack.get("/00/" + "0" * 30 + ".png")
    assert (denied.status_code, missing.status_code) == (403, 404)
    assert denied.headers["content-type"] == missing.headers["content-type"] == "image/png"


def test_workers_are_the_web_user_where_it_can_reach_the_pictures() -> None:
    with Stack() as stack:
        assert worker_uids(stack) == {WEB_UID}
        assert "workers run as" not in stack.output
        assert_uploads_and_reads(stack)


def test_workers_are_the_owner_below_a_closed_home(above: Path) -> None:
    home = above / "home"
    home.mkdir(mode=0o700)
    os.chown(home, OWNER.pw_uid, OWNER.pw_gid)
    stack = Stack(data_dir=home / "data")
    (home / "data").mkdir()
    with stack:
        assert worker_uids(stack) == {OWNER.pw_uid}
        assert f"workers run as {OWNER.pw_name}, because www-data may not enter {home}" in stack.output
        assert_uploads_and_reads(stack)


def test_workers_are_root_below_a_closed_home_of_root(above: Path) -> None:
    home = above / "home"
    home.mkdir(mode=0o700)
    (home / "data").mkdir()
    with Stack(data_dir=home / "data") as stack:
        assert worker_uids(stack) == {0}
        assert "workers run as root" in stack.output
        assert_uploads_and_reads(stack)


def test_workers_are_root_below_closed_folders_of_two_owners(above: Path) -> None:
    home = above / "home"
    (home / "project" / "data").mkdir(parents=True)
    home.chmod(0o700)
    (home / "project").chmod(0o700)
    os.chown(home, OWNER.pw_uid, OWNER.pw_gid)
    with Stack(data_dir=home / "project" / "data") as stack:
        assert worker_uids(stack) == {0}
        assert_uploads_and_reads(stack)


def test_closed_data_folder_can_be_read_by_the_workers(above: Path) -> None:
    stack = Stack(data_dir=above / "data")
    (above / "data").mkdir()
    with stack:
        stack.stop()
        shutil.rmtree(above / "data")
        (above / "data").mkdir(mode=0o700)
        stack.start()
        assert_uploads_and_reads(stack)


def test_workers_reach_a_closed_home_behind_a_symbolic_link(above: Path) -> None:
    home = above / "home"
    home.mkdir(mode=0o700)
    (home / "data").mkdir()
    (above / "link").symlink_to(home / "data")
    with Stack(data_dir=above / "link") as stack:
        assert_uploads_and_reads(stack)


def test_workers_can_read_the_pictures_under_a_strict_umask(above: Path) -> None:
    before = os.umask(0o077)
    try:
        stack = Stack(data_dir=above / "data")
        stack.start()
    finally:
        os.umask(before)
    try:
        assert_uploads_and_reads(stack)
    finally:
        stack.__exit__(None, None, None)


def test_closed_home_of_a_user_without_a_name_is_one_line(above: Path) -> None:
    home = above / "home"
    home.mkdir(mode=0o700)
    os.chown(home, NAMELESS_UID, NAMELESS_UID)
    stack = Stack(data_dir=home / "data")
    with stack.client:
        done = stack.run("up", "--port", str(free_port()))
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert str(home) in done.stderr
