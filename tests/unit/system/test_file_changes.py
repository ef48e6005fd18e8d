"""Files that change together, or not at all."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from authsvc.system.file_changes import FileChanges
from tests.support.contract.small_disk import fill, small_disk

Change = Callable[[FileChanges, Path], None]
MODES = {0o644, 0o755}

pytestmark = pytest.mark.needs_root


class Oops(Exception):
    """What goes wrong behind the changes."""


def _seen(folder: Path) -> dict[str, tuple[object, ...]]:
    """Return all that can be seen of what is in a folder."""
    return {str(path.relative_to(folder)): _entry(path) for path in sorted(folder.rglob("*"))}


def _entry(path: Path) -> tuple[object, ...]:
    status = path.lstat()
    content = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else None
    return status.st_mode, status.st_uid, status.st_gid, content


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One file of each kind."""
    made = tmp_path / "made"
    made.mkdir()
    (made / "plain").write_bytes(b"plain\x00\xff")
    (made / "secret").write_text("secret")
    (made / "secret").chmod(0o640)
    os.chown(made / "secret", 4242, 4243)
    (made / "empty").touch()
    (made / "link").symlink_to("plain")
    (made / "broken").symlink_to("nowhere")
    return made


def _change_everything(changes: FileChanges, folder: Path) -> None:
    changes.write(folder / "plain", "other")
    changes.write(folder / "plain", "once more")
    changes.write(folder / "secret", b"open", mode=0o600)
    changes.remove(folder / "empty")
    changes.link(folder / "link", folder / "secret")
    changes.write(folder / "broken", "mended")
    changes.write(folder / "new" / "deep" / "file", "new")
    changes.write(folder / "new" / "file", "new")
    changes.link(folder / "new" / "link", folder / "plain")
    changes.remove(folder / "new" / "file")


def _change_and_fail(change: Change, folder: Path, kind: type[BaseException]) -> None:
    with FileChanges() as changes:
        change(changes, folder)
        raise kind


def test_changes_are_there_when_the_context_has_ended(folder: Path) -> None:
    with FileChanges() as changes:
        _change_everything(changes, folder)
    assert (folder / "plain").read_text() == "once more"
    assert (folder / "secret").read_text() == "open"
    assert stat.S_IMODE((folder / "secret").stat().st_mode) == 0o600
    assert not (folder / "empty").exists()
    assert (folder / "link").readlink() == folder / "secret"
    assert not (folder / "broken").is_symlink()
    assert (folder / "new" / "deep" / "file").read_text() == "new"
    assert not (folder / "new" / "file").exists()
    assert not [name for name in _seen(folder) if name.rpartition("/")[2].startswith(".")]


@pytest.mark.parametrize("kind", [Oops, KeyboardInterrupt], ids=["an error", "an interrupted command"])
def test_everything_is_as_before_after(folder: Path, kind: type[BaseException]) -> None:
    before = _seen(folder)
    with pytest.raises(kind):
        _change_and_fail(_change_everything, folder, kind)
    assert _seen(folder) == before


def test_file_that_was_put_back_belongs_to_whom_it_belonged(folder: Path) -> None:

    def change(changes: FileChanges, folder: Path) -> None:
        changes.write(folder / "secret", "other")
        changes.remove(folder / "secret")

    with pytest.raises(Oops):
        _change_and_fail(change, folder, Oops)
    status = (folder / "secret").stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (4242, 4243, 0o640)


def test_what_is_there_already_is_no_change(folder: Path) -> None:
    before = _last_changes(folder)
    with FileChanges() as changes:
        changes.write(folder / "plain", b"plain\x00\xff", mode=stat.S_IMODE((folder / "plain").stat().st_mode))
        changes.write(folder / "secret", "secret", mode=0o640)
        changes.link(folder / "link", Path("plain"))
        changes.remove(folder / "absent")
        changes.remove(folder / "absent" / "deep")
    assert changes.changed == []
    assert _last_changes(folder) == before


def _last_changes(folder: Path) -> dict[Path, tuple[int, int]]:
    """Which file each name of `folder` is and when it was last changed, which reading it is not."""
    return {path: (path.lstat().st_ino, path.lstat().st_ctime_ns) for path in folder.iterdir()}


@pytest.mark.parametrize("mode", [0o600, 0o664], ids=["closed to nginx", "open to others"])
def test_other_mode_is_a_change(folder: Path, mode: int) -> None:
    (folder / "plain").chmod(mode)
    with FileChanges() as changes:
        changes.write(folder / "plain", b"plain\x00\xff")
    assert changes.changed == [folder / "plain"]
    assert stat.S_IMODE((folder / "plain").stat().st_mode) == 0o644


def test_modes_do_not_depend_on_who_asks(tmp_path: Path) -> None:
    mask = os.umask(0o077)
    try:
        with FileChanges() as changes:
            changes.write(tmp_path / "a" / "b" / "file", "x")
    finally:
        os.umask(mask)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a").rglob("*")} == MODES


def test_file_that_somebody_reads_stays_whole(folder: Path) -> None:
    with (folder / "plain").open("rb") as old:
        with FileChanges() as changes:
            changes.write(folder / "plain", "other")
        assert old.read() == b"plain\x00\xff"


def test_link_is_replaced_and_not_followed(folder: Path) -> None:
    with FileChanges() as changes:
        changes.write(folder / "link", "mine")
    assert (folder / "plain").read_bytes() == b"plain\x00\xff"
    assert (folder / "link").read_text() == "mine"


@pytest.mark.parametrize("leftover", ["file", "link"])
def test_leftover_of_a_crash_is_no_hindrance(folder: Path, leftover: str) -> None:
    fresh = folder / ".plain.new"
    fresh.write_text("half") if leftover == "file" else fresh.symlink_to(folder / "secret")
    with FileChanges() as changes:
        changes.write(folder / "plain", "other")
    assert (folder / "plain").read_text() == "other"
    assert (folder / "secret").read_text() == "secret"
    assert not os.path.lexists(fresh)


def test_glob_of_nginx_never_sees_a_file_that_is_not_yet_whole(tmp_path: Path) -> None:
    # glob(3), which nginx uses for `include`, passes over hidden names as this one does.
    with small_disk(tmp_path / "disk", "size=1m") as disk:
        fill(disk)
        with pytest.raises(OSError, match="No space left"), FileChanges() as changes:
            changes.write(disk / "zz.conf", "x" * 5000)
        assert [path.name for path in disk.glob("[!.]*")] == ["ballast"]


def test_full_disk_leaves_everything_as_before(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "size=1m") as disk:
        (disk / "first").write_text("a" * 9000)
        (disk / "second").write_text("b" * 9000)
        ballast = fill(disk)
        os.truncate(ballast, ballast.stat().st_size - 3 * 4096)
        before = _seen(disk)

        def change(changes: FileChanges, folder: Path) -> None:
            changes.write(folder / "first", "A" * 9000)
            changes.write(folder / "new" / "file", "n" * 3000)
            changes.write(folder / "second", "B" * 9000)

        with pytest.raises(OSError, match="No space left"):
            _change_and_fail(change, disk, Oops)
        assert _seen(disk) == before


def test_first_write_that_finds_no_room_leaves_no_second_name(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "size=1m") as disk:
        (disk / "zz.conf").write_text("a" * 9000)
        fill(disk)
        before = _seen(disk)
        with pytest.raises(OSError, match="No space left"), FileChanges() as changes:
            changes.write(disk / "zz.conf", "b" * 9000)
        assert _seen(disk) == before


def test_full_disk_leaves_no_new_folder(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "size=1m") as disk:
        fill(disk)
        before = _seen(disk)
        with pytest.raises(OSError, match="No space left"), FileChanges() as changes:
            changes.write(disk / "new" / "file", "n" * 9000)
        assert _seen(disk) == before


def test_folder_in_place_of_a_file_stops_the_change(folder: Path) -> None:
    (folder / "taken").mkdir()
    before = _seen(folder)

    def change(changes: FileChanges, folder: Path) -> None:
        changes.write(folder / "plain", "other")
        changes.write(folder / "taken", "x")

    with pytest.raises(OSError, match="taken"):
        _change_and_fail(change, folder, Oops)
    assert _seen(folder) == before
