"""One command at a time changes nginx's files, and a pending reload is not forgotten."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from authsvc.nginx.lock import LOCK_NAME, ConfigLock, acquire
from tests.support.stack import wait_until


class Oops(Exception):
    """The change fails."""


def fail(lock: ConfigLock) -> None:
    """Begin a change, and fail."""
    with lock.change():
        raise Oops


def is_waited_for(lock: Path) -> bool:
    """Return whether a process waits for the lock: proc(5) marks it with an arrow."""
    inode = f":{lock.stat().st_ino} "
    return any("-> FLOCK" in line and inode in line for line in Path("/proc/locks").read_text().splitlines())


def test_lock_that_was_removed_while_another_command_waited_is_made_again(tmp_path: Path) -> None:
    main_file = tmp_path / "nginx.conf"
    lock = tmp_path / LOCK_NAME

    def take() -> bool:
        with acquire(main_file):
            # It holds the lock file that every other command would open.
            return lock.exists()

    with ThreadPoolExecutor(1) as pool:
        with acquire(main_file) as held:
            other = pool.submit(take)
            wait_until(lambda: is_waited_for(lock), "the other waits")
            held.remove()
        assert other.result(60)


def test_pending_reload_is_remembered_after_a_change_that_fails(tmp_path: Path) -> None:
    main_file = tmp_path / "nginx.conf"
    with acquire(main_file) as lock:
        assert not lock.was_pending
        with lock.change():
            pass
    with acquire(main_file) as lock:
        with pytest.raises(Oops):
            fail(lock)
        assert lock.was_pending
    with acquire(main_file) as lock:
        assert lock.was_pending
        lock.reload_done()
    with acquire(main_file) as lock:
        assert not lock.was_pending


def test_change_that_fails_leaves_no_reload_pending(tmp_path: Path) -> None:
    main_file = tmp_path / "nginx.conf"
    with acquire(main_file) as lock, pytest.raises(Oops):
        fail(lock)
    with acquire(main_file) as lock:
        assert not lock.was_pending
