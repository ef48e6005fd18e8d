import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from authsvc.errors import Broken, InUse
from authsvc.system.locks import lock_data_dir
from authsvc.system.sockets import listen_on


@pytest.fixture
def folder() -> Iterator[Path]:
    # Short, for the 107 bytes of a Unix socket's path.
    with tempfile.TemporaryDirectory(prefix="asv-", dir="/tmp") as made:
        yield Path(made)


def test_second_process_of_a_role_is_refused_with_the_folder(folder: Path) -> None:
    run_dir = folder / "run"
    run_dir.mkdir()
    with lock_data_dir(run_dir, "up"), pytest.raises(InUse, match=rf"{folder}' is in use by another `authsvc up`"):
        lock_data_dir(run_dir, "up")


def test_different_roles_do_not_block_each_other(folder: Path) -> None:
    with lock_data_dir(folder, "up"), lock_data_dir(folder, "serve"):
        pass


def test_lock_is_free_after_its_holder(folder: Path) -> None:
    for _ in range(2):
        with lock_data_dir(folder, "up"):
            pass


def test_only_the_group_can_connect_to_the_socket(folder: Path) -> None:
    path = folder / "s.sock"
    with listen_on(path) as listener, socket.socket(socket.AF_UNIX) as client:
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        client.connect(str(path))
        accepted, _ = listener.accept()
        with accepted:
            client.sendall(b"hello")
            assert accepted.recv(5) == b"hello"


def test_leftover_socket_is_replaced(folder: Path) -> None:
    path = folder / "s.sock"
    listen_on(path).close()
    assert path.exists()
    with listen_on(path), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


@pytest.mark.parametrize(
    ("name", "reason"),
    [("missing/s.sock", "No such file"), (".", "Is a directory"), ("x" * 120, "too long")],
    ids=["no folder", "a folder in its place", "path too long"],
)
def test_socket_that_cannot_be_made_is_refused_with_the_reason(folder: Path, name: str, reason: str) -> None:
    with pytest.raises(Broken, match=reason):
        listen_on(folder / name)
