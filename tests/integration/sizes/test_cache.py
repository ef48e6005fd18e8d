"""Files of the cache: complete or absent, readable by nginx's group, within their limit."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from authsvc.errors import DiskFull
from authsvc.model import Key
from authsvc.sizes.cache import SizeCache
from authsvc.sizes.request import BestFormat, FileSuffix, SizeRequest
from tests.support.contract.small_disk import small_disk, use_up_names

KEY = Key("98d291879bf32c45c4a56958bd9dfd1e", "jpg")
OTHER_USER = 65534
OTHER = Key("7be49a5d9f4ab1e2c0d7f3b6a8901234", "png")


@pytest.fixture
def cache(tmp_path: Path) -> SizeCache:
    return opened(tmp_path)


def opened(folder: Path, *, max_bytes: int = 2**20) -> SizeCache:
    return SizeCache(folder / "derivatives", group_of=folder, max_bytes=max_bytes)


def publish(cache: SizeCache, key: Key = KEY, width: int = 320, *, size: int = 9, used_at: int = 0) -> Path:
    """Publish a WebP; return where it is."""
    file = cache.new_path()
    file.write_bytes(bytes(size))
    cache.publish(file, key, width, FileSuffix.WEBP)
    path = cache.path(key, width, FileSuffix.WEBP)
    if used_at:
        os.utime(path, (used_at, used_at))
    return path


@pytest.mark.parametrize(
    ("suffix", "name"),
    [
        (FileSuffix.AVIF, "320.avif"),
        (FileSuffix.WEBP, "320.webp"),
        (FileSuffix.WEBP_PLAIN, "320.webp.jpg"),
        (FileSuffix.PLAIN, "320.plain.jpg"),
    ],
)
def test_size_is_in_the_folder_of_its_picture(cache: SizeCache, tmp_path: Path, suffix: FileSuffix, name: str) -> None:
    folder = tmp_path / "derivatives" / "98" / "d291879bf32c45c4a56958bd9dfd1e.jpg"
    assert cache.path(KEY, 320, suffix) == folder / name


def test_published_file_is_the_only_file_and_its_group_can_read_it(cache: SizeCache, tmp_path: Path) -> None:
    path = publish(cache)
    assert path.read_bytes() == bytes(9)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent, path.parent.parent)}
    assert list(modes.values()) == [0o640, 0o2750, 0o2750]
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]


@pytest.mark.parametrize(
    ("suffix", "formats"),
    [
        (FileSuffix.AVIF, {BestFormat.AVIF}),
        (FileSuffix.WEBP, {BestFormat.AVIF, BestFormat.WEBP}),
        (FileSuffix.WEBP_PLAIN, {BestFormat.AVIF, BestFormat.WEBP}),
        (FileSuffix.PLAIN, {BestFormat.PLAIN}),
    ],
)
def test_size_is_found_by_readers_that_accept_its_format(
    cache: SizeCache, suffix: FileSuffix, formats: set[BestFormat]
) -> None:
    file = cache.new_path()
    file.touch()
    cache.publish(file, KEY, 320, suffix)
    assert {each for each in BestFormat if cache.has(SizeRequest(KEY, 320, each))} == formats
    assert not any(
        cache.has(SizeRequest(KEY, 640, each)) or cache.has(SizeRequest(OTHER, 320, each)) for each in BestFormat
    )


def test_picture_can_be_linked_twice(cache: SizeCache, tmp_path: Path) -> None:
    blob = tmp_path / "blob"
    blob.write_bytes(b"picture")
    for _ in range(2):
        cache.link(blob, KEY, 320, FileSuffix.PLAIN)
    assert cache.path(KEY, 320, FileSuffix.PLAIN).samefile(blob)


@pytest.mark.needs_root
def test_picture_on_another_disk_is_copied(cache: SizeCache, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "size=1m") as disk:
        blob = disk / "blob"
        blob.write_bytes(b"picture")
        for _ in range(2):
            cache.link(blob, KEY, 320, FileSuffix.PLAIN)
        copy = cache.path(KEY, 320, FileSuffix.PLAIN)
        assert (copy.read_bytes(), stat.S_IMODE(copy.stat().st_mode)) == (b"picture", 0o640)
        assert not copy.samefile(blob)
        assert list(tmp_path.rglob("*.part")) == []


@pytest.mark.needs_root
def test_picture_of_another_user_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Path("/proc/sys/fs/protected_hardlinks").read_text() == "1\n", "this needs Debian's fs.protected_hardlinks"
    Path(tmp_path, "blob").write_bytes(b"picture")
    # The other user has no access to the folders above.
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o777)
    cache = opened(Path())
    os.seteuid(OTHER_USER)
    try:
        with pytest.raises(PermissionError):
            os.link("blob", "link")
        cache.link(Path("blob"), KEY, 320, FileSuffix.PLAIN)
    finally:
        os.seteuid(0)
    copy = cache.path(KEY, 320, FileSuffix.PLAIN)
    assert (copy.read_bytes(), copy.stat().st_uid) == (b"picture", OTHER_USER)


def test_missing_picture_cannot_be_linked(cache: SizeCache, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        cache.link(tmp_path / "missing", KEY, 320, FileSuffix.PLAIN)


def test_removal_deletes_all_sizes_of_one_picture(cache: SizeCache) -> None:
    removed, kept = [publish(cache, width=width) for width in (160, 320)], publish(cache, OTHER)
    for _ in range(2):
        cache.remove(KEY)
        assert ([path.exists() for path in removed], kept.exists()) == ([False, False], True)


def test_deleted_cache_is_made_again(cache: SizeCache, tmp_path: Path) -> None:
    publish(cache)
    file = cache.new_path()
    file.write_bytes(b"new")
    shutil.rmtree(tmp_path / "derivatives" / "98")
    cache.publish(file, KEY, 320, FileSuffix.WEBP)
    shutil.rmtree(tmp_path / "derivatives")
    publish(cache)
    assert stat.S_IMODE((tmp_path / "derivatives").stat().st_mode) == 0o2750


@pytest.mark.needs_root
def test_deleted_cache_is_made_again_with_the_same_group(tmp_path: Path) -> None:
    os.chown(tmp_path, -1, 4321)
    publish(opened(tmp_path))
    assert {path.stat().st_gid for path in (tmp_path / "derivatives").rglob("*")} == {4321}


def test_unpublished_file_can_be_discarded(cache: SizeCache) -> None:
    file = cache.new_path()
    for _ in range(2):
        cache.discard(file)
        file.touch()
    cache.discard(file)
    assert not file.exists()


def test_unfinished_files_of_a_killed_service_are_deleted(cache: SizeCache) -> None:
    unfinished, kept = cache.new_path(), publish(cache)
    unfinished.touch()
    cache.clear_temporary()
    assert (unfinished.exists(), kept.exists()) == (False, True)


def test_least_recently_read_files_are_deleted_first(tmp_path: Path) -> None:
    cache = opened(tmp_path, max_bytes=1000)
    keys = [Key(f"{number:032x}", "png") for number in range(10)]
    ages = [5, 3, 9, 1, 7, 2, 8, 4, 6, 10]
    paths = [publish(cache, key, size=100, used_at=age) for key, age in zip(keys, ages, strict=True)]
    assert all(path.exists() for path in paths)
    newest = publish(cache, OTHER, size=150)
    left = {age for age, path in zip(ages, paths, strict=True) if path.exists()}
    # Trimmed to at most 900 bytes: 1,150 minus three files of 100.
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
    cache.link(blob, KEY, 320, FileSuffix.PLAIN)
    assert cache.trim() == 0
    assert cache.path(KEY, 320, FileSuffix.PLAIN).exists()


@pytest.mark.needs_root
@pytest.mark.parametrize("act", ["publish", "link"])
def test_disk_without_room_raises_disk_full(tmp_path: Path, act: str) -> None:
    with small_disk(tmp_path / "disk", "size=1m,nr_inodes=8") as disk:
        cache = opened(disk)
        file = cache.new_path()
        file.touch()
        use_up_names(disk)
        with pytest.raises(DiskFull):
            getattr(cache, act)(file, KEY, 320, FileSuffix.PLAIN)
