import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from authsvc.store.filesystem import FilesystemStore
from tests.support.contract.blob_store import BlobStoreContract, Spooled
from tests.support.contract.small_disk import small_disk, use_up_names
from tests.support.contract.values import Blob, a_blob


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestFilesystemStore(BlobStoreContract):
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        return tmp_path / "blobs"

    @pytest.fixture
    def store(self, root: Path) -> FilesystemStore:
        made = FilesystemStore(root, trash=root.with_name("trash"))
        made.prepare()
        return made

    @pytest.fixture
    def spooled(self, tmp_path: Path) -> Spooled:
        spool = tmp_path / "spool"
        spool.mkdir()

        def write(blob: Blob) -> Path:
            path = spool / os.urandom(8).hex()
            path.write_bytes(blob.content)
            path.chmod(0o600)
            return path

        return write

    @pytest.fixture
    def full_store(self, tmp_path: Path) -> Iterator[tuple[FilesystemStore, Path]]:
        with small_disk(tmp_path / "disk", "size=4m,nr_inodes=300") as disk:
            store = FilesystemStore(disk / "blobs", trash=disk / "trash")
            store.prepare()
            source = disk / "source"
            source.write_bytes(os.urandom(64))
            use_up_names(disk)
            yield store, source

    def test_blob_is_readable_by_its_group_only(self, store: FilesystemStore, root: Path, spooled: Spooled) -> None:
        blob = a_blob()
        source = spooled(blob)
        before = os.umask(0o077)
        try:
            store.put(blob.key, source, sha256=blob.sha256)
        finally:
            os.umask(before)
        assert _mode(root / blob.key.path.removeprefix("/")) == 0o640

    def test_blob_is_in_the_folder_that_its_address_names(
        self, store: FilesystemStore, root: Path, spooled: Spooled
    ) -> None:
        blob = a_blob()
        store.put(blob.key, spooled(blob), sha256=blob.sha256)
        assert (root / blob.key.digest[:2] / f"{blob.key.digest[2:]}.png").read_bytes() == blob.content

    def test_blob_is_a_link_to_the_source(self, store: FilesystemStore, root: Path, spooled: Spooled) -> None:
        blob = a_blob()
        source = spooled(blob)
        store.put(blob.key, source, sha256=blob.sha256)
        assert (root / blob.key.path.removeprefix("/")).samefile(source)

    def test_files_that_are_not_blobs_are_ignored(self, store: FilesystemStore, root: Path, spooled: Spooled) -> None:
        blob = a_blob()
        store.put(blob.key, spooled(blob), sha256=blob.sha256)
        shard = root / blob.key.shard
        for name in (".hidden", "README", "0" * 30, f"{'0' * 30}.svg", f"{'0' * 29}.png", f"{'A' * 30}.png"):
            (shard / name).touch()
        (root / "notes.txt").touch()
        (root / "zz").mkdir()
        assert list(store.keys()) == [blob.key]

    def test_shards_give_blobs_their_group_and_are_closed_to_others(self, store: FilesystemStore, root: Path) -> None:
        assert store.folder == root
        shards = sorted(root.iterdir())
        assert [shard.name for shard in shards] == [f"{number:02x}" for number in range(256)]
        assert {_mode(shard) for shard in shards} == {0o2750}

    def test_missing_folders_are_made_again_and_others_are_unchanged(self, store: FilesystemStore, root: Path) -> None:
        (root / "7b").rmdir()
        (root / "7c").chmod(0o2755)
        root.with_name("trash").rmdir()
        store.prepare()
        assert _mode(root / "7b") == 0o2750
        assert _mode(root / "7c") == 0o2755

    def test_blob_set_aside_is_not_in_a_folder_that_nginx_can_read(
        self, store: FilesystemStore, root: Path, spooled: Spooled
    ) -> None:
        blob = a_blob()
        store.put(blob.key, spooled(blob), sha256=blob.sha256)
        aside = store.set_aside(blob.key)
        assert aside is not None
        trash = root.with_name("trash")
        assert (trash / aside.name).read_bytes() == blob.content
        assert _mode(trash) == 0o700
        assert [path for path in root.rglob("*") if path.is_file()] == []

    def test_blob_is_set_aside_in_a_data_folder_of_an_older_version(
        self, store: FilesystemStore, root: Path, spooled: Spooled
    ) -> None:
        blob = a_blob()
        store.put(blob.key, spooled(blob), sha256=blob.sha256)
        root.with_name("trash").rmdir()
        aside = store.set_aside(blob.key)
        assert list(store.aside()) == [aside]
        assert _mode(root.with_name("trash")) == 0o700

    def test_files_in_the_trash_that_were_not_set_aside_are_ignored(self, store: FilesystemStore, root: Path) -> None:
        trash = root.with_name("trash")
        for name in ("README", f"{'0' * 32}.svg.{'0' * 32}", f"{'0' * 32}.png"):
            (trash / name).touch()
        assert list(store.aside()) == []
