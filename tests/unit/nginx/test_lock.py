"""Whoever changes nginx's files waits for the others, and what is due is never forgotten."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from authsvc.nginx.lock import LOCK_NAME, ConfigLock, acquire
from tests.support.stack import wait_until


class Oops(Exception):
    """Something has failed on the way."""


def fail(turn: ConfigLock) -> None:
    """Change a file, and fail."""
    with turn.taking_back():
        turn.reload_pending()
        raise Oops


def is_waited_for(lock: Path) -> bool:
    """Return whether somebody waits for the lock: proc(5) marks them with an arrow."""
    inode = f":{lock.stat().st_ino} "
    return any("-> FLOCK" in line and inode in line for line in Path("/proc/locks").read_text().splitlines())


def test_lock_that_went_away_while_it_was_waited_for_is_made_anew(tmp_path: Path) -> None:
    main_file = tmp_path / "nginx.conf"
    lock = tmp_path / LOCK_NAME

    def take() -> bool:
        with acquire(main_file):
            # Nobody else could take it: it is the file that they would open.
            return lock.exists()

    with ThreadPoolExecutor(1) as pool:
        with acquire(main_file) as turn:
            other = pool.submit(take)
            wait_until(lambda: is_waited_for(lock), "the other waits")
            turn.leave_nothing()
        assert other.result(60)


def test_due_reload_outlives_a_change_that_fails(tmp_path: Path) -> None:
    main_file = tmp_path / "nginx.conf"
    with acquire(main_file) as turn:
        assert not turn.was_due
        turn.reload_pending()
    with acquire(main_file) as turn:
        with pytest.raises(Oops):
            fail(turn)
        assert turn.was_due
    with acquire(main_file) as turn:
        assert turn.was_due
        turn.reload_done()
    with acquire(main_file) as turn:
        assert not turn.was_due


def test_change_that_fails_leaves_nothing_due(tmp_path: Path) -> None:
    main_file = tmp_path / "nginx.conf"
    with acquire(main_file) as turn, pytest.raises(Oops):
        fail(turn)
    with acquire(main_file) as turn:
        assert not turn.was_due
