"""Verdicts while the disk of nginx's cache is full."""

import os
import signal
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from authsvc.routes.internal.verdict import ROOM_BYTES
from tests.support.contract.small_disk import fill, small_disk, use_up_names
from tests.support.experiments import promised
from tests.support.nginx.site_list import access_of, map_of
from tests.support.pictures import picture
from tests.support.stack import Stack, wait_until
from tests.support.times import shortened


def is_not_to_be_kept(stack: Stack, folder: str) -> bool:
    """Ask the service about a stranger, as an nginx that caches verdicts in `folder`."""
    question = {"X-Embedder": "stranger.example", "X-Verdict-Cache": folder}
    answer = stack.ask_service("/verdict", question)
    assert answer.status_code == 403
    return answer.headers.get("X-Not-Kept") == "1"


def test_verdict_is_cached_if_the_disk_has_room(stack: Stack, tmp_path: Path) -> None:
    assert not is_not_to_be_kept(stack, str(tmp_path))
    assert not is_not_to_be_kept(stack, "")


def test_verdict_is_not_cached_on_a_full_disk(stack: Stack, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", f"size={2 * ROOM_BYTES}") as disk:
        assert not is_not_to_be_kept(stack, str(disk))
        fill(disk)
        assert is_not_to_be_kept(stack, str(disk))


def test_verdict_is_not_cached_on_a_disk_without_free_inodes(stack: Stack, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", f"size={2 * ROOM_BYTES},nr_inodes=300") as disk:
        assert not is_not_to_be_kept(stack, str(disk))
        use_up_names(disk)
        assert is_not_to_be_kept(stack, str(disk))


def test_verdict_is_not_cached_in_a_folder_that_cannot_be_checked(stack: Stack, tmp_path: Path) -> None:
    assert is_not_to_be_kept(stack, str(tmp_path / "nowhere"))


@contextmanager
def parent_stopped(stack: Stack) -> Iterator[None]:
    """Keep changed sites from nginx."""
    os.kill(stack.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(stack.process.pid, signal.SIGCONT)


def leave_little(disk: Path) -> None:
    """Leave enough room for the catalog, but not for verdicts."""
    ballast = fill(disk)
    os.truncate(ballast, ballast.stat().st_size - ROOM_BYTES // 2)


@pytest.mark.timeout(180)
def test_kept_permission_ends_in_time_when_no_new_verdict_can_be_kept(tmp_path: Path) -> None:
    times = shortened("verdict_kept")
    host = f"newest{uuid.uuid4().hex}.example"
    with small_disk(tmp_path / "disk", "size=96m,mode=755") as disk, Stack(data_dir=disk, times=times) as stack:
        path = stack.upload(picture())

        def status() -> int:
            return stack.get(path, Referer=f"https://{host}/").status_code

        with parent_stopped(stack):
            with access_of(stack) as access:
                access.add_site(host, now=0)
            question = {"X-Embedder": host}
            wait_until(lambda: stack.ask_service("/verdict", question).status_code == 204, "the service allows it")
            assert status() == 200
            leave_little(disk)
            with access_of(stack) as access:
                access.remove_site(host)
            assert host not in map_of(stack)
            # Requested all the time, so that nginx does not remove the cached verdict.
            wait_until(lambda: status() == 403, "it is refused again", seconds=promised(20))
