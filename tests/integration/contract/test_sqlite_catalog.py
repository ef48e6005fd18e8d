import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine

from authsvc.catalog.opened import Catalog
from authsvc.catalog.port import AccessCatalog, ImageCatalog
from authsvc.catalog.sqlite import open_catalog, sqlite_engine
from authsvc.catalog.transactions import reading, writing
from authsvc.errors import Broken, Busy, DiskFull
from tests.support.contract.access_catalog import AccessCatalogContract
from tests.support.contract.image_catalog import ImageCatalogContract
from tests.support.contract.small_disk import fill, small_disk
from tests.support.contract.values import an_image, received_as
from tests.support.times import shorten


@pytest.fixture
def opened(opener: Callable[[], Catalog]) -> Iterator[Catalog]:
    catalog = opener()
    yield catalog
    catalog.close()


@pytest.fixture
def opened_again(opener: Callable[[], Catalog]) -> Iterator[Catalog]:
    catalog = opener()
    yield catalog
    catalog.close()


class TestSqliteImages(ImageCatalogContract):
    @pytest.fixture
    def images(self, opened: Catalog) -> ImageCatalog:
        return opened.images

    @pytest.fixture
    def elsewhere(self, opened_again: Catalog) -> ImageCatalog:
        return opened_again.images


class TestSqliteAccess(AccessCatalogContract):
    @pytest.fixture
    def access(self, opened: Catalog) -> AccessCatalog:
        return opened.access

    @pytest.fixture
    def elsewhere(self, opened_again: Catalog) -> AccessCatalog:
        return opened_again.access


@pytest.fixture
def engine(catalog_path: Path) -> Iterator[Engine]:
    made = sqlite_engine(catalog_path)
    yield made
    made.dispose()


@pytest.mark.parametrize("transaction", [reading, writing], ids=["reading", "writing"])
@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)],
    ids=["write-ahead log", "synchronous FULL", "foreign keys"],
)
def test_connections_of_the_pool_are_set_for_durability(
    engine: Engine, transaction: Callable[[Engine], object], pragma: str, value: object
) -> None:
    opened = reading(engine) if transaction is reading else writing(engine)
    with opened as connection:
        assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one() == value


def test_reading_sees_one_moment(engine: Engine) -> None:
    with reading(engine) as connection:
        count = "SELECT count(*) FROM sites"
        before = connection.exec_driver_sql(count).scalar_one()
        with writing(engine) as other:
            other.exec_driver_sql("INSERT INTO sites VALUES ('example.com', 1)")
        assert connection.exec_driver_sql(count).scalar_one() == before
    with reading(engine) as connection:
        assert connection.exec_driver_sql(count).scalar_one() == before + 1


def test_failed_write_leaves_nothing(engine: Engine) -> None:
    def write_and_fail() -> None:
        with writing(engine) as connection:
            connection.exec_driver_sql("INSERT INTO sites VALUES ('example.com', 1)")
            raise InterruptedError

    with pytest.raises(InterruptedError):
        write_and_fail()
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sites").scalar_one() == 3


@pytest.fixture
def impatient(catalog_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Catalog]:
    shorten(monkeypatch, "authsvc.catalog.sqlite", catalog_busy=0.2)
    catalog = open_catalog(catalog_path)
    yield catalog
    catalog.close()


def _write_image(catalog: Catalog) -> None:
    image = an_image()
    catalog.images.add(image, received_as(image)).result()


WRITES: dict[str, Callable[[Catalog], object]] = {
    "add": _write_image,
    "bury": lambda catalog: catalog.images.bury(an_image().key, now=1),
    "add_site": lambda catalog: catalog.access.add_site("example.com", now=1),
}
READS: dict[str, Callable[[Catalog], object]] = {
    "find": lambda catalog: catalog.images.find("0" * 32),
    "page": lambda catalog: catalog.images.page(after=None, limit=1),
    "revision": lambda catalog: catalog.access.revision(),
    "read": lambda catalog: catalog.access.read(),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_write_raises_busy_while_another_process_keeps_the_lock(
    impatient: Catalog, catalog_path: Path, write: Callable[[Catalog], object]
) -> None:
    with closing(sqlite3.connect(catalog_path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Busy):
            write(impatient)
        other.execute("ROLLBACK")
    _write_image(impatient)


@pytest.mark.parametrize("read", READS.values(), ids=READS.keys())
def test_read_does_not_wait_for_a_writer(
    impatient: Catalog, catalog_path: Path, read: Callable[[Catalog], object]
) -> None:
    before = read(impatient)
    with closing(sqlite3.connect(catalog_path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM sites")
        assert read(impatient) == before
        other.execute("ROLLBACK")


def _add_sites_for_ever(catalog: Catalog) -> None:
    for number in count():
        catalog.access.add_site(f"{number}.example.com", now=1)


@pytest.mark.needs_root
def test_write_without_room_raises_full_and_works_again_with_room(new_catalog: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "size=1m") as disk:
        path = disk / "catalog.sqlite3"
        path.write_bytes(new_catalog.read_bytes())
        catalog = open_catalog(path)
        kept = an_image()
        catalog.images.add(kept, received_as(kept)).result()
        ballast = fill(disk)
        with pytest.raises(DiskFull):
            _add_sites_for_ever(catalog)
        refused = an_image()
        with pytest.raises(DiskFull):
            catalog.images.add(refused, received_as(refused)).result()
        assert catalog.images.find(kept.key.digest) == kept
        assert catalog.images.find(refused.key.digest) is None
        ballast.unlink()
        _write_image(catalog)
        catalog.close()


@pytest.mark.parametrize("act", [_write_image, READS["read"]], ids=["write", "read"])
def test_file_that_is_not_a_database_is_broken(tmp_path: Path, act: Callable[[Catalog], object]) -> None:
    path = tmp_path / "catalog.sqlite3"
    path.write_bytes(b"not a database, " * 1000)
    catalog = open_catalog(path)
    with pytest.raises(Broken, match="not a database"):
        act(catalog)
    catalog.close()


def test_damaged_page_is_broken(catalog_path: Path) -> None:
    content = bytearray(catalog_path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    catalog_path.write_bytes(content)
    catalog = open_catalog(catalog_path)
    with pytest.raises(Broken, match="malformed"):
        catalog.images.page(after=None, limit=1)
    catalog.close()


def test_missing_table_is_broken(tmp_path: Path) -> None:
    catalog = open_catalog(tmp_path / "empty.sqlite3")
    with pytest.raises(Broken, match="no such table"):
        catalog.access.read()
    catalog.close()
