"""Files and links that are replaced whole or not at all."""

import os
import stat
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from authsvc.system import linux
from authsvc.system.atomic import LEFTOVERS, New, exchange, is_like, replaced, write_file
from tests.support.contract.small_disk import fill, small_disk

pytestmark = pytest.mark.needs_root


class Oops(Exception):
    """An error after the changes."""


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


def _changes(folder: Path) -> dict[Path, New]:
    return {
        folder / "plain": b"other",
        folder / "secret": b"open",
        folder / "empty": None,
        folder / "link": folder / "secret",
        folder / "broken": b"fixed",
        folder / "new": b"new",
        folder / "absent": None,
        folder / "new link": Path("plain"),
    }


def _replace(changes: Mapping[Path, New], error: type[BaseException] | None = None) -> None:
    with ExitStack() as steps:
        for path, new in changes.items():
            steps.enter_context(replaced(path, new))
        if error is not None:
            raise error


def test_replaced_paths_are_what_they_should_become_and_nothing_is_left_beside_them(folder: Path) -> None:
    _replace(_changes(folder))
    assert all(is_like(path, new) for path, new in _changes(folder).items())
    assert not [name for name in _seen(folder) if name.startswith(".")]


@pytest.mark.parametrize("error", [Oops, KeyboardInterrupt], ids=["an error", "an interrupted command"])
def test_everything_is_as_before_after(folder: Path, error: type[BaseException]) -> None:
    before = _seen(folder)
    with pytest.raises(error):
        _replace(_changes(folder), error)
    assert _seen(folder) == before


def test_path_is_unlike_what_it_would_become(folder: Path) -> None:
    assert not [path.name for path, new in _changes(folder).items() if is_like(path, new) and path.name != "absent"]
    assert is_like(folder / "absent", None)
    assert is_like(folder / "plain", b"plain\x00\xff")
    assert not is_like(folder / "link", b"plain\x00\xff")


def test_path_that_is_like_the_new_one_is_not_touched(folder: Path) -> None:
    before = {path: (path.lstat().st_ino, path.lstat().st_ctime_ns) for path in folder.iterdir()}
    _replace({folder / "plain": b"plain\x00\xff", folder / "link": Path("plain"), folder / "absent": None})
    assert {path: (path.lstat().st_ino, path.lstat().st_ctime_ns) for path in folder.iterdir()} == before


def test_file_gets_the_mode_and_the_group_that_are_named(folder: Path) -> None:
    write_file(folder / "plain", b"other", mode=0o640, gid=4244)
    status = (folder / "plain").stat()
    assert (stat.S_IMODE(status.st_mode), status.st_gid) == (0o640, 4244)


def test_mode_does_not_depend_on_the_umask(tmp_path: Path) -> None:
    mask = os.umask(0o077)
    try:
        write_file(tmp_path / "file", b"x")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o644


def test_file_that_somebody_reads_stays_whole(folder: Path) -> None:
    with (folder / "plain").open("rb") as old:
        write_file(folder / "plain", b"other")
        assert old.read() == b"plain\x00\xff"


def test_link_is_replaced_and_not_followed(folder: Path) -> None:
    write_file(folder / "link", b"plain\x00\xff")
    assert (folder / "plain").read_bytes() == b"plain\x00\xff"
    assert not (folder / "link").is_symlink()


@pytest.mark.parametrize("suffix", LEFTOVERS)
@pytest.mark.parametrize("leftover", ["file", "link"])
def test_leftover_of_a_kill_does_not_matter(folder: Path, leftover: str, suffix: str) -> None:
    hidden = folder / f".plain{suffix}"
    hidden.write_text("half") if leftover == "file" else hidden.symlink_to(folder / "secret")
    _replace({folder / "plain": b"other"})
    assert not os.path.lexists(hidden)
    assert (folder / "plain").read_text() == "other"
    assert (folder / "secret").read_text() == "secret"


def test_glob_of_nginx_never_sees_a_file_that_is_not_yet_whole(tmp_path: Path) -> None:
    # glob(3), which nginx uses for `include`, passes over hidden names as this one does.
    with small_disk(tmp_path / "disk", "size=1m") as disk:
        fill(disk)
        with pytest.raises(OSError, match="No space left"):
            write_file(disk / "zz.conf", b"x" * 5000)
        assert [path.name for path in disk.glob("[!.]*")] == ["ballast"]


def test_full_disk_leaves_everything_as_before(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "size=1m") as disk:
        for name in ("first", "second"):
            (disk / name).write_text("a" * 9000)
        ballast = fill(disk)
        os.truncate(ballast, ballast.stat().st_size - 3 * 4096)
        before = _seen(disk)
        with pytest.raises(OSError, match="No space left"):
            _replace({disk / "first": b"A" * 9000, disk / "second": b"B" * 9000})
        assert _seen(disk) == before


def test_folder_in_place_of_a_file_stops_the_change(folder: Path) -> None:
    (folder / "taken").mkdir()
    before = _seen(folder)
    with pytest.raises(OSError, match="taken"):
        _replace({folder / "plain": b"other", folder / "taken": b"x"})
    assert _seen(folder) == before


@pytest.mark.parametrize("can_exchange", [True, False], ids=["in one step", "where the file system cannot"])
def test_folder_and_link_change_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, can_exchange: bool) -> None:
    if not can_exchange:
        # A flag that no file system knows is refused with EINVAL, as RENAME_EXCHANGE is by some.
        monkeypatch.setattr(linux, "_RENAME_EXCHANGE", 1 << 20)
    one, other = tmp_path / "one", tmp_path / "other"
    one.symlink_to("one")
    other.mkdir()
    (other / "file").write_text("x")
    exchange(one, other)
    assert other.is_symlink()
    assert (other / "file").read_text() == "x"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "other"]
