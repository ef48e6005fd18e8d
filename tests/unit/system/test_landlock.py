"""What a thread may do after it gave up its rights with Landlock. Other threads of the tests' process keep theirs."""

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from authsvc.system.landlock import SCOPE_VERSION, TCP_VERSION, landlock_version, restrict_thread
from authsvc.system.linux import refuse_new_privileges

DONE = "done"


def outcome(act: Callable[[], object]) -> str:
    """Return the name of the error, or done."""
    try:
        act()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return DONE


def restricted(act: Callable[[], object], *, reads: bool) -> str:
    """Return the outcome in a thread with fewer rights."""

    def restrict_and_act() -> str:
        refuse_new_privileges()
        assert restrict_thread(reads=reads) == landlock_version()
        return outcome(act)

    with ThreadPoolExecutor(1) as one:
        return one.submit(restrict_and_act).result()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    path = tmp_path / "file"
    path.write_text("content")
    return path


CHANGES: dict[str, Callable[[Path], object]] = {
    "write": lambda file: file.open("r+").close(),
    "truncate": lambda file: os.truncate(file, 0),
    "create": lambda file: (file.parent / "new").touch(),
    "make a folder": lambda file: (file.parent / "new").mkdir(),
    "make a link": lambda file: (file.parent / "new").symlink_to(file),
    "make a pipe": lambda file: os.mkfifo(file.parent / "new"),
    "delete": lambda file: file.unlink(),
    "delete a folder": lambda file: (file.parent / "folder").rmdir(),
    "rename": lambda file: file.rename(file.parent / "new"),
    "move": lambda file: file.rename(file.parent / "folder" / "new"),
    "link": lambda file: (file.parent / "new").hardlink_to(file),
}
READS: dict[str, Callable[[Path], object]] = {
    "read": lambda file: file.read_text(),
    "list": lambda file: list(file.parent.iterdir()),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("reads", [False, True], ids=["only changes", "reads too"])
def test_no_file_can_be_changed(file: Path, name: str, *, reads: bool) -> None:
    assert landlock_version() >= 1
    before = sorted(file.parent.rglob("*"))
    assert restricted(partial(CHANGES[name], file), reads=reads) in {"EACCES", "EXDEV"}
    assert (sorted(file.parent.rglob("*")), file.read_text()) == (before, "content")
    assert outcome(partial(CHANGES[name], file)) == DONE


@pytest.mark.parametrize("name", READS)
def test_reading_can_be_kept_or_given_up(file: Path, name: str) -> None:
    assert restricted(partial(READS[name], file), reads=False) == DONE
    assert restricted(partial(READS[name], file), reads=True) == "EACCES"


def test_no_program_can_be_started() -> None:
    start = partial(subprocess.run, ["/bin/true"], check=True)
    assert outcome(start) == DONE
    assert restricted(start, reads=True) == "EACCES"


def test_open_descriptors_can_still_be_used(file: Path) -> None:
    with file.open("r+") as opened:

        def use() -> None:
            assert opened.read() == "content"
            os.ftruncate(opened.fileno(), 3)
            os.pwrite(opened.fileno(), b"new", 0)

        assert restricted(use, reads=True) == DONE
    assert file.read_text() == "new"


def test_tcp_is_forbidden_where_the_kernel_can() -> None:
    forbidden = "EACCES" if landlock_version() >= TCP_VERSION else DONE
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connect = partial(socket.create_connection, listener.getsockname())
        assert outcome(lambda: connect().close()) == DONE
        assert restricted(lambda: connect().close(), reads=False) == forbidden
    bind = partial(socket.create_server, ("127.0.0.1", 0))
    assert outcome(lambda: bind().close()) == DONE
    assert restricted(lambda: bind().close(), reads=False) == forbidden


@pytest.fixture
def other() -> Iterator[int]:
    """Another process."""
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE) as process:
        yield process.pid


def test_signals_to_others_are_forbidden_where_the_kernel_can(other: int) -> None:
    forbidden = "EPERM" if landlock_version() >= SCOPE_VERSION else DONE
    assert outcome(partial(os.kill, other, 0)) == DONE
    assert restricted(partial(os.kill, other, 0), reads=False) == forbidden


def test_abstract_sockets_of_others_are_forbidden_where_the_kernel_can() -> None:
    forbidden = "EPERM" if landlock_version() >= SCOPE_VERSION else DONE
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("")
        listener.listen()

        def connect() -> None:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(listener.getsockname())

        assert outcome(connect) == DONE
        assert restricted(connect, reads=False) == forbidden


def test_kernel_without_landlock_restricts_nothing() -> None:
    code = """
from authsvc.system.landlock import landlock_version, restrict_thread
from authsvc.system.linux import refuse_new_privileges
from authsvc.system.seccomp import Rule, filter_program, install_filter, this_architecture
from authsvc.system.syscalls import Architecture
# As an older kernel does, or the filter of a container that does not know Landlock.
LANDLOCK = range(444, 447)
numbers = {str(number): number for number in range(500) if number not in LANDLOCK}
refuse_new_privileges()
architecture = Architecture(this_architecture().audit_number, numbers)
install_filter(filter_program(map(Rule, numbers), architecture))
print(landlock_version(), restrict_thread(reads=True))
"""
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout == "0 0\n"
