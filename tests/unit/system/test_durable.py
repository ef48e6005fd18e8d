import errno
from pathlib import Path

import pytest

from authsvc.errors import DiskFull
from authsvc.system.durable import disk_full_when_no_room, sync_directory
from tests.support.contract.small_disk import fill, small_disk


@pytest.mark.needs_root
def test_full_disk_becomes_disk_full(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "size=64k") as disk:
        fill(disk)
        with pytest.raises(DiskFull), disk_full_when_no_room():
            (disk / "more").write_bytes(bytes(8192))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT], ids=["no space", "over quota"])
def test_full_disk_and_full_quota_become_disk_full(number: int) -> None:
    with pytest.raises(DiskFull), disk_full_when_no_room():
        raise OSError(number, "no room")


def test_other_errors_are_not_changed(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), disk_full_when_no_room():
        (tmp_path / "missing").read_bytes()


def test_success_is_not_changed(tmp_path: Path) -> None:
    with disk_full_when_no_room():
        (tmp_path / "file").write_bytes(b"bytes")
    assert (tmp_path / "file").read_bytes() == b"bytes"


def test_only_a_folder_can_be_synced_as_one(tmp_path: Path) -> None:
    sync_directory(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        sync_directory(tmp_path / "file")
