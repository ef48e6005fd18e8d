import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

import authsvc.catalog.migrate
from authsvc.catalog.migrate import ensure_schema, upgrade
from authsvc.catalog.schema import SCHEMA_REVISION, metadata
from authsvc.catalog.sqlite import open_catalog, sqlite_engine
from authsvc.catalog.transactions import reading, writing
from authsvc.errors import Broken
from tests.support.contract.actors import make_schema


@pytest.fixture
def engine_on() -> Iterator[Callable[[Path], Engine]]:
    engines = []

    def make(path: Path) -> Engine:
        engines.append(sqlite_engine(path))
        return engines[-1]

    yield make
    for engine in engines:
        engine.dispose()


def _schema(path: Path) -> dict[str, object]:
    """Return tables, columns, keys and indexes as SQLite describes them."""
    with closing(sqlite3.connect(path)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found: dict[str, object] = {}
        for table in sorted({*tables} - {"alembic_version"}):
            found[table] = sorted(connection.execute(f"PRAGMA table_xinfo({table})"))
            found[f"{table} refers to"] = sorted(connection.execute(f"PRAGMA foreign_key_list({table})"))
            indexes = [row[1:] for row in connection.execute(f"PRAGMA index_list({table})")]
            found[f"{table} indexes"] = sorted(
                (*index[1:], [row[2] for row in connection.execute(f"PRAGMA index_info({index[0]})")])
                for index in indexes
            )
        made = connection.execute("SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY 1")
        found["index statements"] = made.fetchall()
        return found


def test_migrations_make_what_the_code_declares(
    catalog_path: Path, tmp_path: Path, engine_on: Callable[[Path], Engine]
) -> None:
    declared = tmp_path / "declared.sqlite3"
    metadata.create_all(engine_on(declared))
    assert _schema(catalog_path) == _schema(declared)


def test_alembic_sees_nothing_to_migrate(catalog_path: Path, engine_on: Callable[[Path], Engine]) -> None:
    with reading(engine_on(catalog_path)) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_code_asks_for_the_newest_migration() -> None:
    config = Config()
    folder = Path(authsvc.catalog.migrate.__file__).with_name("migrations")
    config.set_main_option("script_location", str(folder))
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA_REVISION]


def test_upgrade_in_this_process_makes_a_usable_catalog(tmp_path: Path, engine_on: Callable[[Path], Engine]) -> None:
    path = tmp_path / "catalog.sqlite3"
    upgrade(engine_on(path))
    catalog = open_catalog(path)
    assert catalog.access.read().sites == ("127.0.0.1", "[::1]", "localhost")
    catalog.close()


def test_current_catalog_is_not_changed(catalog_path: Path) -> None:
    before = catalog_path.read_bytes()
    ensure_schema(catalog_path)
    assert catalog_path.read_bytes() == before
    assert not catalog_path.with_name("migrate.lock").exists()


@pytest.mark.parametrize("has_file", [False, True], ids=["no file", "empty file"])
def test_several_processes_make_one_catalog(tmp_path: Path, *, has_file: bool) -> None:
    path = tmp_path / "catalog.sqlite3"
    if has_file:
        path.touch()
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        list(pool.map(make_schema, [path] * 3))
    catalog = open_catalog(path)
    assert catalog.access.revision().sites == 1
    catalog.close()


def test_catalog_of_a_newer_version_is_refused_and_not_changed(
    catalog_path: Path, engine_on: Callable[[Path], Engine]
) -> None:
    with writing(engine_on(catalog_path)) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Broken, match="a newer version"):
        ensure_schema(catalog_path)
    with reading(engine_on(catalog_path)) as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one() == "9999"


def test_failed_migration_reports_why_and_changes_nothing(tmp_path: Path, engine_on: Callable[[Path], Engine]) -> None:
    path = tmp_path / "catalog.sqlite3"
    with writing(engine_on(path)) as connection:
        connection.exec_driver_sql("CREATE TABLE sites (other INTEGER)")
    with pytest.raises(Broken, match=r"could not be brought up to date.*table sites already exists"):
        ensure_schema(path)
    assert [name for name in _schema(path) if name == "images"] == []


@pytest.mark.parametrize(
    "content",
    [b"not a database, " * 1000, b"SQLite format 3\x00" + b"\xff" * 8176],
    ids=["text", "damaged header"],
)
def test_damaged_file_is_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "catalog.sqlite3"
    path.write_bytes(content)
    with pytest.raises(Broken):
        ensure_schema(path)


def test_folder_in_the_file_s_place_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(Broken):
        ensure_schema(tmp_path)
