"""What every blob store does. A subclass defines how to open one."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from authsvc.errors import Collision, DiskFull
from authsvc.model import Key
from authsvc.store.port import BlobStat, BlobStore, Put
from tests.support.contract.values import Blob, a_blob, forgery_of

Spooled = Callable[[Blob], Path]


class BlobStoreContract:
    @pytest.fixture
    def store(self) -> BlobStore:
        """An empty store."""
        raise NotImplementedError

    @pytest.fixture
    def spooled(self) -> Spooled:
        """A function that writes a blob's bytes to a file that `put` accepts."""
        raise NotImplementedError

    @pytest.fixture
    def full_store(self) -> Iterator[tuple[BlobStore, Path]]:
        """A store without room for another blob, and a file that it must refuse."""
        raise NotImplementedError

    def test_new_blob_is_stored_and_read_back(self, store: BlobStore, spooled: Spooled) -> None:
        blob = a_blob()
        assert store.put(blob.key, spooled(blob), sha256=blob.sha256) is True
        assert _bytes_in(store, blob.key) == blob.content

    def test_same_bytes_are_not_stored_again(self, store: BlobStore, spooled: Spooled) -> None:
        blob = a_blob()
        store.put(blob.key, spooled(blob), sha256=blob.sha256)
        assert store.put(blob.key, spooled(blob), sha256=blob.sha256) is False
        assert list(store.keys()) == [blob.key]

    def test_other_bytes_under_the_key_are_refused_and_the_first_stay(self, store: BlobStore, spooled: Spooled) -> None:
        blob = a_blob()
        store.put(blob.key, spooled(blob), sha256=blob.sha256)
        forgery = forgery_of(blob)
        with pytest.raises(Collision):
            store.put(forgery.key, spooled(forgery), sha256=forgery.sha256)
        assert _bytes_in(store, blob.key) == blob.content

    def test_another_extension_is_another_blob(self, store: BlobStore, spooled: Spooled) -> None:
        blob = a_blob(extension="jpg")
        twin = a_blob(blob.content, extension="jpeg")
        store.put(blob.key, spooled(blob), sha256=blob.sha256)
        assert store.put(twin.key, spooled(twin), sha256=twin.sha256) is True
        assert list(store.keys()) == [twin.key, blob.key]

    def test_source_is_kept_and_can_be_deleted_without_the_blob(self, store: BlobStore, spooled: Spooled) -> None:
        blob = a_blob()
        source = spooled(blob)
        store.put(blob.key, source, sha256=blob.sha256)
        assert source.read_bytes() == blob.content
        source.unlink()
        assert _bytes_in(store, blob.key) == blob.content

    def test_stat_gives_the_size_and_the_time(self, store: BlobStore, spooled: Spooled) -> None:
        blob = a_blob(b"seven b")
        store.put(blob.key, spooled(blob), sha256=blob.sha256)
        found = store.stat(blob.key)
        assert found is not None
        assert found == BlobStat(blob.key, 7, found.stored_at)
        assert abs(time.time() - found.stored_at) < 60

    def test_absent_blob_has_no_stat_and_cannot_be_read(self, store: BlobStore) -> None:
        blob = a_blob()
        assert store.stat(blob.key) is None
        with pytest.raises(FileNotFoundError):
            _bytes_in(store, blob.key)

    def test_blob_set_aside_is_not_found_and_can_be_stored_again(self, store: BlobStore, spooled: Spooled) -> None:
        blob = _stored(store, spooled)
        aside = store.set_aside(blob.key)
        assert aside is not None
        assert (aside.key, list(store.aside())) == (blob.key, [aside])
        assert (store.stat(blob.key), list(store.keys())) == (None, [])
        assert store.put(blob.key, spooled(blob), sha256=blob.sha256) is True
        assert list(store.aside()) == [aside]

    def test_absent_blob_cannot_be_set_aside(self, store: BlobStore) -> None:
        assert store.set_aside(a_blob().key) is None
        assert list(store.aside()) == []

    def test_setting_aside_leaves_the_other_extension(self, store: BlobStore, spooled: Spooled) -> None:
        blob = _stored(store, spooled, a_blob(extension="jpg"))
        twin = _stored(store, spooled, a_blob(blob.content, extension="jpeg"))
        store.set_aside(blob.key)
        assert list(store.keys()) == [twin.key]

    def test_blob_put_back_is_in_its_place_and_aside_until_it_is_dropped(
        self, store: BlobStore, spooled: Spooled
    ) -> None:
        blob = _stored(store, spooled)
        aside = store.set_aside(blob.key)
        assert aside is not None
        for _ in range(2):
            store.put_back(aside, sha256=blob.sha256)
            assert _bytes_in(store, blob.key) == blob.content
            assert list(store.aside()) == [aside]
        for _ in range(2):
            store.drop(aside)
            assert list(store.aside()) == []
            assert _bytes_in(store, blob.key) == blob.content

    def test_dropped_blob_cannot_be_put_back(self, store: BlobStore, spooled: Spooled) -> None:
        blob = _stored(store, spooled)
        aside = store.set_aside(blob.key)
        assert aside is not None
        store.drop(aside)
        store.put_back(aside, sha256=blob.sha256)
        assert store.stat(blob.key) is None

    def test_blob_with_other_bytes_than_expected_is_not_put_back(self, store: BlobStore, spooled: Spooled) -> None:
        blob = _stored(store, spooled)
        aside = store.set_aside(blob.key)
        assert aside is not None
        store.put_back(aside, sha256=forgery_of(blob).sha256)
        assert store.stat(blob.key) is None
        assert list(store.aside()) == [aside]

    def test_blob_is_not_put_back_over_other_bytes(self, store: BlobStore, spooled: Spooled) -> None:
        blob = _stored(store, spooled)
        aside = store.set_aside(blob.key)
        assert aside is not None
        forgery = _stored(store, spooled, forgery_of(blob))
        with pytest.raises(Collision):
            store.put_back(aside, sha256=blob.sha256)
        assert _bytes_in(store, blob.key) == forgery.content
        assert list(store.aside()) == [aside]

    def test_blob_set_aside_twice_is_aside_twice(self, store: BlobStore, spooled: Spooled) -> None:
        blob = _stored(store, spooled)
        first = store.set_aside(blob.key)
        _stored(store, spooled, blob)
        second = store.set_aside(blob.key)
        assert first is not None
        assert second is not None
        assert sorted(store.aside()) == sorted([first, second])
        store.drop(first)
        store.put_back(second, sha256=blob.sha256)
        assert _bytes_in(store, blob.key) == blob.content

    @pytest.mark.parametrize(
        "length", [0, 1, 2, 3, 31, 32], ids=lambda length: f"{length} digits" if length != 1 else "one digit"
    )
    def test_keys_come_in_order_and_by_prefix(self, store: BlobStore, spooled: Spooled, length: int) -> None:
        keys = [_stored(store, spooled).key for _ in range(40)]
        prefix = keys[0].digest[:length]
        assert list(store.keys(prefix)) == sorted(key for key in keys if key.digest.startswith(prefix))

    def test_prefix_without_blobs_gives_no_keys(self, store: BlobStore, spooled: Spooled) -> None:
        key = _stored(store, spooled).key
        other = f"{(int(key.digest[:2], 16) + 1) % 256:02x}"
        assert list(store.keys(other)) == []

    def test_same_bytes_from_many_threads_are_stored_by_exactly_one(self, store: BlobStore, spooled: Spooled) -> None:
        blob = a_blob()
        sources = [spooled(blob) for _ in range(20)]
        with ThreadPoolExecutor(20) as threads:
            results = list(threads.map(lambda source: store.put(blob.key, source, sha256=blob.sha256), sources))
        assert sorted(results) == [False] * 19 + [True]
        assert _bytes_in(store, blob.key) == blob.content

    def test_of_two_contents_put_at_once_one_is_kept_and_the_other_refused(
        self, store: BlobStore, spooled: Spooled
    ) -> None:
        blob = a_blob()
        rivals = [blob, forgery_of(blob)] * 5
        sources = [spooled(rival) for rival in rivals]

        def put(rival: Blob, source: Path) -> str:
            try:
                return "new" if store.put(rival.key, source, sha256=rival.sha256) else "known"
            except Collision:
                return "refused"

        with ThreadPoolExecutor(10) as threads:
            results = list(threads.map(put, rivals, sources))
        kept = _bytes_in(store, blob.key)
        assert results.count("new") == 1
        assert all(
            (result == "refused") == (rival.content != kept) for rival, result in zip(rivals, results, strict=True)
        )

    def test_blob_put_and_set_aside_by_many_threads_is_never_lost(self, store: BlobStore, spooled: Spooled) -> None:
        blob = a_blob()
        source = spooled(blob)

        def put(_: int) -> bool:
            return store.put(blob.key, source, sha256=blob.sha256)

        def set_aside(_: int) -> bool:
            return store.set_aside(blob.key) is not None

        with ThreadPoolExecutor(4) as threads:
            turns = [threads.submit(act, turn) for turn in range(400) for act in (put, set_aside)]
        results = [turn.result() for turn in turns]
        stored, moved = results[::2].count(True), results[1::2].count(True)
        assert len(list(store.aside())) == moved
        assert stored - moved == len(list(store.keys()))

    def test_put_without_room_raises_full_and_leaves_nothing(self, full_store: tuple[BlobStore, Path]) -> None:
        store, source = full_store
        before = list(store.keys())
        blob = a_blob(source.read_bytes())
        with pytest.raises(DiskFull):
            store.put(blob.key, source, sha256=blob.sha256)
        assert store.stat(blob.key) is None
        assert list(store.keys()) == before

    def test_blobs_put_together_are_stored_each_with_its_own_result(self, store: BlobStore, spooled: Spooled) -> None:
        known, new, other = a_blob(), a_blob(), a_blob()
        store.put(known.key, spooled(known), sha256=known.sha256)
        forgery, twin = forgery_of(known), new
        puts = [Put(blob.key, spooled(blob), blob.sha256) for blob in (new, forgery, known, twin, other)]
        first, refused, again, second, last = store.put_all(puts)
        assert (first, again, second, last) == (True, False, False, True)
        assert isinstance(refused, Collision)
        assert sorted(store.keys()) == sorted(blob.key for blob in (known, new, other))
        for blob in (known, new, other):
            assert _bytes_in(store, blob.key) == blob.content

    def test_missing_file_does_not_affect_other_puts(self, store: BlobStore, spooled: Spooled) -> None:
        blob, gone = a_blob(), a_blob()
        source = spooled(gone)
        source.unlink()
        failed, stored = store.put_all([Put(gone.key, source, gone.sha256), Put(blob.key, spooled(blob), blob.sha256)])
        assert isinstance(failed, FileNotFoundError)
        assert stored is True
        assert list(store.keys()) == [blob.key]

    def test_put_of_nothing_is_nothing(self, store: BlobStore) -> None:
        assert store.put_all([]) == []
        assert list(store.keys()) == []


def _stored(store: BlobStore, spooled: Spooled, blob: Blob | None = None) -> Blob:
    blob = blob or a_blob()
    store.put(blob.key, spooled(blob), sha256=blob.sha256)
    return blob


def _bytes_in(store: BlobStore, key: Key) -> bytes:
    with store.as_file(key) as path:
        return path.read_bytes()
