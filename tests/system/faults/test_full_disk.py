import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from authsvc.errors import DiskFull
from tests.support.contract.small_disk import fill, small_disk
from tests.support.experiments import size
from tests.support.faults.trial import READS, Trial, fault_stack, prepared
from tests.support.faults.underload import Load, now
from tests.support.stack import Stack, wait_until

MIB = 2**20
FULL_SECONDS = size(0, 60)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Trial]:
    """A stack with a disk of its own."""
    folder = Path(tempfile.mkdtemp(prefix="asv-", dir="/tmp"))
    try:
        with (
            small_disk(folder / "d", "size=384m,mode=755") as disk,
            fault_stack(disk) as stack,
        ):
            yield prepared(stack, tmp_path)
    finally:
        shutil.rmtree(folder)


def refused_by_service(stack: Stack) -> int:
    """Return how many uploads the service itself, not nginx, has refused for want of room."""
    counted = re.search(r'^authsvc_uploads_total{code="full"} (\S+)$', stack.ask_service("/metrics").text, re.MULTILINE)
    return int(float(counted[1])) if counted else 0


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """Leave no room on the disk."""
    ballast = fill(folder)
    try:
        yield
    finally:
        ballast.unlink()


@pytest.mark.timeout(600)
def test_full_disk_fails_no_read_and_loses_no_upload(small: Trial) -> None:
    disk = small.stack.data_dir

    def fault(load: Load) -> None:
        with full(disk):
            assert os.statvfs(disk).f_bavail == 0
            until = now() + FULL_SECONDS
            load.go_on({"known": READS, "newcomer": 5, "upload 507 full": 5})
            # Both find no room: nginx for the bodies that it gathers in files, the service for its spool.
            wait_until(
                lambda: load.count("upload 507 full") > refused_by_service(small.stack) > 0,
                "nginx and the service have refused",
                seconds=60,
            )
            wait_until(lambda: now() > until, "it was full long enough", seconds=FULL_SECONDS + 1)
            assert os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize < MIB

    small.undergo("disk full", fault, refusals=(DiskFull,))
