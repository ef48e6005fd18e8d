import os
import stat
from pathlib import Path

import pytest

from authsvc.data_folder import Account, first_closed_folder, make_folders, share_with_group
from authsvc.errors import Broken
from authsvc.settings import Settings
from tests.support.pictures import picture
from tests.support.workplace import Workplace, settings_in, store_of

GROUP = 4242
READER = Account("reader", 4242, 4243)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = settings_in(tmp_path / "data")
    make_folders(made)
    store_of(made).prepare()
    return made


def _state(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_gid, stat.S_IMODE(status.st_mode)


@pytest.mark.needs_root
def test_only_what_nginx_reads_is_given_to_its_group(settings: Settings) -> None:
    blob = settings.blobs_dir / "7b" / f"{'0' * 30}.png"
    blob.write_bytes(b"bytes")
    blob.chmod(0o640)
    share_with_group(settings, GROUP, blobs=settings.blobs_dir)
    for folder in (settings.run_dir, settings.nginx_dir, settings.acme_dir, settings.blobs_dir, blob.parent):
        assert _state(folder) == (GROUP, 0o2750)
    assert _state(blob) == (GROUP, 0o640)
    assert _state(settings.spool_dir) == (GROUP, 0o2700)
    assert settings.data_dir.stat().st_gid == GROUP
    for folder in (settings.catalog_path.parent, settings.log_dir):
        assert folder.stat().st_gid != GROUP


@pytest.mark.needs_root
def test_data_folder_closed_to_its_group_keeps_its_group(settings: Settings) -> None:
    settings.data_dir.chmod(0o700)
    before = _state(settings.data_dir)
    share_with_group(settings, GROUP, blobs=settings.blobs_dir)
    assert _state(settings.data_dir) == before
    assert settings.blobs_dir.stat().st_gid == GROUP


@pytest.mark.needs_root
def test_later_pictures_get_the_group_too(place: Workplace) -> None:
    share_with_group(place.settings, GROUP, blobs=place.settings.blobs_dir)
    image = place.keep(picture())
    assert _state(place.path_of(image.key)) == (GROUP, 0o640)


@pytest.mark.needs_root
def test_blobs_shared_before_are_not_changed_again(settings: Settings) -> None:
    share_with_group(settings, GROUP, blobs=settings.blobs_dir)
    stray = settings.blobs_dir / "7b" / "stray"
    stray.touch()
    os.chown(stray, -1, 0)
    share_with_group(settings, GROUP, blobs=settings.blobs_dir)
    assert stray.stat().st_gid == 0


@pytest.mark.needs_root
def test_links_in_the_store_are_not_followed(settings: Settings, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.touch()
    (settings.blobs_dir / "7b" / "link").symlink_to(outside)
    share_with_group(settings, GROUP, blobs=settings.blobs_dir)
    assert outside.stat().st_gid != GROUP


@pytest.mark.needs_root
def test_link_of_another_user_is_not_followed_by_root_and_roots_own_is(settings: Settings, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    settings.acme_dir.rmdir()
    settings.acme_dir.symlink_to(outside)
    share_with_group(settings, GROUP, blobs=settings.blobs_dir)
    assert outside.stat().st_gid == GROUP
    os.chown(outside, -1, 0)
    os.chown(settings.acme_dir, 54321, -1, follow_symlinks=False)
    with pytest.raises(Broken, match=f"{settings.acme_dir} is a link of another user"):
        share_with_group(settings, GROUP, blobs=settings.blobs_dir)
    assert outside.stat().st_gid == 0


@pytest.mark.needs_root
@pytest.mark.parametrize(
    ("owner", "group", "mode", "is_closed"),
    [
        (0, 0, 0o755, False),
        (0, 0, 0o750, True),
        (0, READER.gid, 0o750, False),
        (0, READER.gid, 0o705, True),
        (READER.uid, 0, 0o700, False),
        (READER.uid, READER.gid, 0o655, True),
    ],
    ids=[
        "open to all",
        "closed to others",
        "open to its group",
        "closed to its group, though open to others",
        "open to its owner",
        "closed to its owner, though open to others",
    ],
)
def test_first_folder_that_an_account_may_not_enter_is_found(
    open_path: Path, owner: int, group: int, mode: int, *, is_closed: bool
) -> None:
    middle = open_path / "middle"
    inner = middle / "inner"
    inner.mkdir(parents=True)
    inner.chmod(0o755)
    os.chown(middle, owner, group)
    middle.chmod(mode)
    assert first_closed_folder(inner, READER) == (middle if is_closed else None)


def test_folders_that_do_not_exist_yet_count_as_open(open_path: Path) -> None:
    assert first_closed_folder(open_path / "later" / "data", READER) is None


def test_root_may_enter_every_folder(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    assert first_closed_folder(tmp_path / "closed", Account("root", 0, 0)) is None
