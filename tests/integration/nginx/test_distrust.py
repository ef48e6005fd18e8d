"""What root reads from files that the service can write, and as which user."""

import os
import pwd
import re
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from authsvc.access.site_list_file import read_site_list
from authsvc.data_folder import become_owner
from authsvc.errors import Broken

LIST = "# authsvc sites, revision 1\nlocalhost\n"
NOBODY = pwd.getpwnam("nobody")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sites.list"


def test_link_is_not_followed_even_to_a_good_list(path: Path, tmp_path: Path) -> None:
    (tmp_path / "good").write_text(LIST)
    path.symlink_to(tmp_path / "good")
    with pytest.raises(Broken, match="cannot be read"):
        read_site_list(path)


def test_pipe_without_a_writer_does_not_hang(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(Broken, match="it is not a regular file"):
        read_site_list(path)


def test_pipe_without_end_is_not_read(path: Path) -> None:
    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.write(descriptor, LIST.encode())
        with pytest.raises(Broken, match="it is not a regular file"):
            read_site_list(path)
    finally:
        os.close(descriptor)


def test_folder_is_refused(path: Path) -> None:
    path.mkdir()
    with pytest.raises(Broken, match=r"cannot be read|no regular file"):
        read_site_list(path)


def test_file_without_end_is_not_read_to_its_end(path: Path) -> None:
    with path.open("w") as file:
        file.write(LIST)
        file.truncate(2**33)
    with pytest.raises(Broken, match="it is longer than 67108864 bytes"):
        read_site_list(path)


def test_list_that_is_not_ascii_is_refused(path: Path) -> None:
    path.write_bytes(LIST.encode() + "bücher.example\n".encode())
    with pytest.raises(Broken, match=re.escape(str(path))):
        read_site_list(path)


def _become_and_send(folder: Path, answer: Connection) -> None:
    before = os.umask(0o022)
    os.umask(before)
    become_owner(folder)
    mask = os.umask(0)
    answer.send((os.getresuid(), os.getresgid(), os.getgroups() == [], mask))
    answer.close()


def _who_becomes(folder: Path) -> tuple[tuple[int, ...], tuple[int, ...], bool, int]:
    """Return users, groups, whether there are no others, and the umask of a process that became the owner."""
    context = get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_become_and_send, args=(folder, there))
    process.start()
    there.close()
    received: tuple[tuple[int, ...], tuple[int, ...], bool, int] = here.recv()
    process.join()
    here.close()
    process.close()
    return received


@pytest.mark.needs_root
def test_root_becomes_the_owner_for_good(tmp_path: Path) -> None:
    os.chown(tmp_path, NOBODY.pw_uid, 4242)
    assert _who_becomes(tmp_path) == ((NOBODY.pw_uid,) * 3, (4242,) * 3, True, 0o027)


@pytest.mark.needs_root
@pytest.mark.parametrize("name", ["", "absent"], ids=["a folder of root's", "no folder"])
def test_root_stays_root_for(tmp_path: Path, name: str) -> None:
    users, groups, _, _ = _who_becomes(tmp_path / name)
    assert (users, groups) == ((0, 0, 0), (0, 0, 0))


@pytest.mark.needs_root
def test_other_users_do_not_change(tmp_path: Path) -> None:
    os.chown(tmp_path, 4242, 4242)
    child = os.fork()
    if child == 0:
        os.setresuid(NOBODY.pw_uid, NOBODY.pw_uid, NOBODY.pw_uid)
        become_owner(tmp_path)
        os._exit(0 if os.getresuid() == (NOBODY.pw_uid,) * 3 else 1)
    assert os.waitpid(child, 0)[1] == 0
