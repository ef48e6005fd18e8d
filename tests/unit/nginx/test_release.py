"""Releases of nginx's files: one link, folders named by their content."""

import errno
import os
import shutil
import stat
from pathlib import Path

import pytest

from authsvc.nginx.release import SITE_DEFAULT, Files, Releases, files_in, name_of

FIRST = {"main.conf": b"one", "snippets/part.conf": b"part"}
SECOND = FIRST | {"main.conf": b"two"}
THIRD = {"main.conf": b"three"}


class Oops(Exception):
    """nginx refuses the release."""


@pytest.fixture
def releases(tmp_path: Path) -> Releases:
    return Releases(tmp_path / "conf")


def switch(releases: Releases, files: Files) -> None:
    with releases.switched(files):
        pass


def _use_and_fail(releases: Releases, files: Files) -> None:
    with releases.switched(files):
        assert releases.files() == files
        raise Oops


def refuse(releases: Releases, files: Files) -> None:
    with pytest.raises(Oops):
        _use_and_fail(releases, files)


def kept(releases: Releases) -> set[str]:
    return {path.name for path in releases.folder.iterdir()}


def test_release_is_a_folder_named_by_its_content_behind_a_relative_link(releases: Releases) -> None:
    switch(releases, FIRST)
    assert releases.files() == FIRST
    assert releases.link.readlink() == Path("conf-releases", name_of(FIRST))


def test_name_depends_on_names_and_contents() -> None:
    assert (
        len({name_of(files) for files in (FIRST, SECOND, THIRD, {"a": b"bc"}, {"ab": b"c"}, {"a": b"", "b": b"c"})})
        == 6
    )
    assert name_of(FIRST) == name_of(dict(reversed(FIRST.items())))


def test_release_in_use_and_the_one_before_are_kept(releases: Releases) -> None:
    for files in (FIRST, SECOND, THIRD):
        switch(releases, files)
    assert kept(releases) == {name_of(SECOND), name_of(THIRD)}
    switch(releases, SECOND)
    assert kept(releases) == {name_of(SECOND), name_of(THIRD)}
    switch(releases, FIRST)
    assert kept(releases) == {name_of(FIRST), name_of(SECOND)}


def test_each_version_of_the_site_file_is_kept(releases: Releases) -> None:
    """After a kill the site file may be one of them, and must not count as edited."""
    switch(releases, FIRST | {SITE_DEFAULT: b"old"})
    for number in range(5):
        switch(releases, FIRST | {SITE_DEFAULT: b"new", "sites.conf": b"%d" % number})
    assert releases.versions_of(SITE_DEFAULT) == {b"old", b"new"}
    assert len(kept(releases)) == 3


def test_old_release_that_cannot_be_removed_does_not_undo_the_switch(
    releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    for files in (FIRST, SECOND):
        switch(releases, files)

    def fail(_path: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(shutil, "rmtree", fail)
    switch(releases, THIRD)
    assert releases.files() == THIRD


def test_refused_release_changes_nothing(releases: Releases) -> None:
    switch(releases, FIRST)
    refuse(releases, SECOND)
    assert releases.files() == FIRST
    assert kept(releases) == {name_of(FIRST)}


def test_refused_first_release_leaves_nothing(releases: Releases) -> None:
    refuse(releases, FIRST)
    assert list(releases.link.parent.iterdir()) == []


def test_switching_to_the_release_in_use_changes_nothing(releases: Releases) -> None:
    switch(releases, FIRST)
    before = releases.link.lstat()
    switch(releases, FIRST)
    assert releases.link.lstat() == before


@pytest.mark.parametrize("is_refused", [True, False], ids=["refused", "accepted"])
def test_release_that_somebody_edited_is_replaced_under_another_name(releases: Releases, *, is_refused: bool) -> None:
    switch(releases, FIRST)
    (releases.link / "main.conf").write_text("edited")
    (releases.link / "theirs.conf").write_text("x")
    edited = releases.files()
    (refuse if is_refused else switch)(releases, FIRST)
    assert releases.files() == (edited if is_refused else FIRST)
    assert kept(releases) == {name_of(FIRST)} | (set() if is_refused else {f"{name_of(FIRST)}-1"})


@pytest.mark.parametrize("is_refused", [True, False], ids=["refused", "accepted"])
def test_folder_of_an_earlier_version_becomes_a_release(releases: Releases, *, is_refused: bool) -> None:
    releases.link.mkdir()
    (releases.link / "main.conf").write_text("earlier")
    (refuse if is_refused else switch)(releases, FIRST)
    assert releases.files() == ({"main.conf": b"earlier"} if is_refused else FIRST)
    assert releases.link.is_symlink()
    assert releases.versions_of("main.conf") == ({b"earlier"} if is_refused else {b"earlier", b"one"})


@pytest.mark.parametrize("leftover", ["new", "earlier"])
def test_leftover_of_a_kill_is_replaced(releases: Releases, leftover: str) -> None:
    releases.link.mkdir()
    (releases.folder / leftover).mkdir(parents=True)
    (releases.folder / leftover / "half").write_text("x")
    switch(releases, FIRST)
    switch(releases, SECOND)
    assert releases.files() == SECOND
    assert kept(releases) == {name_of(FIRST), name_of(SECOND)}


def test_files_are_readable_for_every_user(releases: Releases) -> None:
    mask = os.umask(0o077)
    try:
        switch(releases, FIRST)
    finally:
        os.umask(mask)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in releases.folder.rglob("*")}
    assert modes | {stat.S_IMODE(releases.folder.stat().st_mode)} == {0o755, 0o644}


def test_removed_releases_leave_no_folder(releases: Releases) -> None:
    switch(releases, FIRST)
    releases.link.unlink()
    releases.remove()
    releases.remove()
    assert files_in(releases.link) == {}
    assert not releases.folder.exists()
