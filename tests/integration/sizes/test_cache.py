"""Files of the cache: whole or absent, for nginx's group, within their limit."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from authsvc.errors import DiskFull
from authsvc.model import Key
from authsvc.sizes.cache import BestFormat, DerivativeCache, End, SizeRequest
from tests.support.contract.small_disk import small_disk, use_up_names

KEY = Key("98d291879bf32c45c4a56958bd9dfd1e", "jpg")
OTHER_USER = 65534
OTHER = Key("7be49a5d9f4ab1e2c0d7f3b6a8901234", "png")


@pytest.fixture
def cache(tmp_path: Path) -> DerivativeCache:
    return opened(tmp_path)


def opened(folder: Path, *, max_bytes: int = 2**20) -> DerivativeCache:
    return DerivativeCache(folder / "derivatives", beside=folder, max_bytes=max_bytes)


def publish(cache: DerivativeCache, key: Key = KEY, width: int = 320, *, size: int = 9, used_at: int = 0) -> Path:
    """Publish a WebP; return where it is."""
    file = cache.new_path()
    file.write_bytes(bytes(size))
    cache.publish(file, key, width, End.WEBP)
    path = cache.path(key, width, End.WEBP)
    if used_at:
        os.utime(path, (used_at, used_at))
    return path


@pytest.mark.parametrize(
    ("end", "name"),
    [
        (End.AVIF, "320.avif"),
        (End.WEBP, "320.webp"),
        (End.WEBP_PLAIN, "320.webp.jpg"),
        (End.PLAIN, "320.plain.jpg"),
    ],
)
def test_derivative_lies_in_its_pictures_folder(cache: DerivativeCache, tmp_path: Path, end: End, name: str) -> None:
    folder = tmp_path / "derivatives" / "98" / "d291879bf32c45c4a56958bd9dfd1e.jpg"
    assert cache.path(KEY, 320, end) == folder / name


def test_published_file_is_there_for_the_group_and_nothing_else_is(cache: DerivativeCache, tmp_path: Path) -> None:
    path = publish(cache)
    assert path.read_bytes() == bytes(9)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent, path.parent.parent)}
    assert list(modes.values()) == [0o640, 0o2750, 0o2750]
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]


@pytest.mark.parametrize(
    ("end", "accepts"),
    [
        (End.AVIF, {BestFormat.AVIF}),
        (End.WEBP, {BestFormat.AVIF, BestFormat.WEBP}),
        (End.WEBP_PLAIN, {BestFormat.AVIF, BestFormat.WEBP}),
        (End.PLAIN, {BestFormat.PLAIN}),
    ],
)
def test_derivative_is_for_readers_who_take_it(cache: DerivativeCache, end: End, accepts: set[BestFormat]) -> None:
    file = cache.new_path()
    file.touch()
    cache.publish(file, KEY, 320, end)
    assert {each for each in BestFormat if cache.has(SizeRequest(KEY, 320, each))} == accepts
    assert not any(
        cache.has(SizeRequest(KEY, 640, each)) or cache.has(SizeRequest(OTHER, 320, each)) for each in BestFormat
    )


def test_picture_itself_is_linked_and_may_be_linked_again(cache: DerivativeCache, tmp_path: Path) -> None:
    blob = tmp_path / "blob"
    blob.write_bytes(b"picture")
    for _ in range(2):
        cache.link(blob, KEY, 320, End.PLAIN)
    assert cache.path(KEY, 320, End.PLAIN).samefile(blob)


def test_picture_on_another_disk_is_copied(cache: DerivativeCache, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "size=1m") as disk:
        blob = disk / "blob"
        blob.write_bytes(b"picture")
        for _ in range(2):
            cache.link(blob, KEY, 320, End.PLAIN)
        copy = cache.path(KEY, 320, End.PLAIN)
        assert (copy.read_bytes(), stat.S_IMODE(copy.stat().st_mode)) == (b"picture", 0o640)
        assert not copy.samefile(blob)
        assert list(tmp_path.rglob("*.part")) == []


def test_picture_of_another_user_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Path("/proc/sys/fs/protected_hardlinks").read_text() == "1\n", "this needs Debian's fs.protected_hardlinks"
    Path(tmp_path, "blob").write_bytes(b"picture")
    # The other user may not look into the folders above.
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o777)
    cache = opened(Path())
    os.seteuid(OTHER_USER)
    try:
        with pytest.raises(PermissionError):
            os.link("blob", "link")
        cache.link(Path("blob"), KEY, 320, End.PLAIN)
    finally:
        os.seteuid(0)
    copy = cache.path(KEY, 320, End.PLAIN)
    assert (copy.read_bytes(), copy.stat().st_uid) == (b"picture", OTHER_USER)


def test_picture_that_is_gone_cannot_be_linked(cache: DerivativeCache, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        cache.link(tmp_path / "gone", KEY, 320, End.PLAIN)


def test_removal_takes_all_derivatives_of_one_picture(cache: DerivativeCache) -> None:
    gone, stays = [publish(cache, width=width) for width in (160, 320)], publish(cache, OTHER)
    for _ in range(2):
        cache.remove(KEY)
        assert ([path.exists() for path in gone], stays.exists()) == ([False, False], True)


def test_cache_that_was_wiped_is_made_again(cache: DerivativeCache, tmp_path: Path) -> None:
    publish(cache)
    file = cache.new_path()
    file.write_bytes(b"new")
    shutil.rmtree(tmp_path / "derivatives" / "98")
    cache.publish(file, KEY, 320, End.WEBP)
    shutil.rmtree(tmp_path / "derivatives")
    publish(cache)
    assert stat.S_IMODE((tmp_path / "derivatives").stat().st_mode) == 0o2750


def test_cache_that_was_wiped_belongs_to_the_same_group_again(tmp_path: Path) -> None:
    os.chown(tmp_path, -1, 4321)
    publish(opened(tmp_path))
    assert {path.stat().st_gid for path in (tmp_path / "derivatives").rglob("*")} == {4321}


def test_file_that_is_not_published_can_be_discarded(cache: DerivativeCache) -> None:
    file = cache.new_path()
    for _ in range(2):
        cache.discard(file)
        file.touch()
    cache.discard(file)
    assert not file.exists()


def test_what_a_killed_service_left_is_cleared(cache: DerivativeCache) -> None:
    left, stays = cache.new_path(), publish(cache)
    left.touch()
    cache.clear_temporary()
    assert (left.exists(), stays.exists()) == (False, True)


def test_those_go_first_that_nobody_has_read_for_the_longest(tmp_path: Path) -> None:
    cache = opened(tmp_path, max_bytes=1000)
    keys = [Key(f"{number:032x}", "png") for number in range(10)]
    ages = [5, 3, 9, 1, 7, 2, 8, 4, 6, 10]
    paths = [publish(cache, key, size=100, used_at=age) for key, age in zip(keys, ages, strict=True)]
    assert all(path.exists() for path in paths)
    newest = publish(cache, OTHER, size=150)
    left = {age for age, path in zip(ages, paths, strict=True) if path.exists()}
    # Down to 900 bytes at the most: 1,150 less three of 100.
    assert (left, newest.exists()) == (set(range(4, 11)), True)
    assert not paths[ages.index(1)].parent.exists()


def test_reading_counts_as_use(tmp_path: Path) -> None:
    cache = opened(tmp_path, max_bytes=200)
    first, second = publish(cache, size=100, used_at=100), publish(cache, OTHER, size=100, used_at=100)
    os.utime(first, (10_000, 100))
    publish(cache, width=640, size=70)
    assert (first.exists(), second.exists()) == (True, False)


def test_link_to_a_picture_takes_no_room(tmp_path: Path) -> None:
    cache = opened(tmp_path, max_bytes=1000)
    blob = tmp_path / "blob"
    blob.write_bytes(bytes(5000))
    cache.link(blob, KEY, 320, End.PLAIN)
    assert cache.trim() == 0
    assert cache.path(KEY, 320, End.PLAIN).exists()


@pytest.mark.parametrize("act", ["publish", "link"])
def test_disk_without_room_is_said_to_be_full(tmp_path: Path, act: str) -> None:
    with small_disk(tmp_path / "disk", "size=1m,nr_inodes=8") as disk:
        cache = opened(disk)
        file = cache.new_path()
        file.touch()
        use_up_names(disk)
        with pytest.raises(DiskFull):
            getattr(cache, act)(file, KEY, 320, End.PLAIN)
