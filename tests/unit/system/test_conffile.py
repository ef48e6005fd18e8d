"""A file that a person may edit, and its default."""

import stat
from pathlib import Path

import pytest

from authsvc.system.conffile import Outcome, is_edited, write_conffile

FIRST, SECOND, MINE = "first\n", "second\n", "mine\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file"


@pytest.fixture
def default(tmp_path: Path) -> Path:
    return tmp_path / "default"


def _write(file: Path, default: Path, text: str) -> Outcome:
    return write_conffile(file, text, default=default)


@pytest.mark.parametrize(
    ("found", "known", "text", "expected"),
    [
        (None, None, FIRST, (Outcome.WRITTEN, FIRST)),
        (FIRST, FIRST, FIRST, (Outcome.UNCHANGED, FIRST)),
        (FIRST, FIRST, SECOND, (Outcome.WRITTEN, SECOND)),
        (MINE, FIRST, SECOND, (Outcome.KEPT, MINE)),
        (MINE, FIRST, FIRST, (Outcome.KEPT, MINE)),
        (MINE, None, FIRST, (Outcome.KEPT, MINE)),
        (FIRST, None, FIRST, (Outcome.UNCHANGED, FIRST)),
        (SECOND, FIRST, SECOND, (Outcome.UNCHANGED, SECOND)),
        (None, FIRST, SECOND, (Outcome.WRITTEN, SECOND)),
        ("", FIRST, SECOND, (Outcome.KEPT, "")),
    ],
    ids=[
        "nothing there",
        "nothing new",
        "a new default for an unedited file",
        "a new default for an edited file",
        "no new default for an edited file",
        "a file that was there before the first time",
        "a file that was there before and is the same",
        "an edited file that is what it would be anyway",
        "a file that was deleted",
        "a file that was emptied",
    ],
)
def test_file_is_replaced_only_if_nobody_has_edited_it(
    tmp_path: Path, found: str | None, known: str | None, text: str, expected: tuple[Outcome, str]
) -> None:
    file, default = tmp_path / "file", tmp_path / "default"
    for path, content in ((file, found), (default, known)):
        if content is not None:
            path.write_text(content)
    assert _write(file, default, text) is expected[0]
    assert file.read_text() == expected[1]
    assert default.read_text() == text
    assert is_edited(file, {default.read_bytes()}) is (expected[1] != text)


def test_undone_edit_lets_the_file_follow_its_default_again(file: Path, default: Path) -> None:
    _write(file, default, FIRST)
    file.write_text(MINE)
    assert _write(file, default, SECOND) is Outcome.KEPT
    file.write_text(SECOND)
    assert _write(file, default, FIRST) is Outcome.WRITTEN
    assert file.read_text() == FIRST


@pytest.mark.parametrize("target", ["elsewhere", "nowhere"], ids=["to a file", "to nothing"])
def test_link_counts_as_edited(file: Path, default: Path, tmp_path: Path, target: str) -> None:
    (tmp_path / "elsewhere").write_text(MINE)
    file.symlink_to(tmp_path / target)
    assert _write(file, default, FIRST) is Outcome.KEPT
    assert file.readlink() == tmp_path / target
    assert (tmp_path / "elsewhere").read_text() == MINE


def test_both_files_get_the_requested_mode(file: Path, default: Path) -> None:
    write_conffile(file, FIRST, default=default, mode=0o640)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (file, default)] == [0o640, 0o640]


def test_file_is_restored_when_its_default_cannot_be_written(file: Path, default: Path) -> None:
    default.mkdir()
    with pytest.raises(OSError, match="default"):
        _write(file, default, FIRST)
    assert not file.exists()
