"""The catalog in an SQLite file."""

from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event

from authsvc.catalog.opened import Catalog
from authsvc.catalog.transactions import WRITING
from authsvc.times import TIMES

_POOL_CONNECTIONS: Final = 8
_POOL_OVERFLOW: Final = 32


def open_catalog(path: Path) -> Catalog:
    """Open the SQLite file `path`, which `migrate.ensure_schema` has prepared."""
    return Catalog.on(sqlite_engine(path))


def sqlite_engine(path: Path) -> Engine:
    """Return an engine on the SQLite file `path`, which may not exist yet."""
    engine = create_engine(
        f"sqlite+pysqlite:///{path}",
        pool_size=_POOL_CONNECTIONS,
        max_overflow=_POOL_OVERFLOW,
        connect_args={"timeout": TIMES.catalog_busy, "check_same_thread": False},
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _record: object) -> None:  # noqa: ANN401 — the driver's own type
    # The driver would begin transactions by itself, too late and without a lock.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    # With NORMAL a power cut loses the rows of the last moments, although they were committed.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    is_writing = connection.get_execution_options().items() >= WRITING.items()
    # IMMEDIATE takes the write lock first. A transaction that reads and then
    # writes would otherwise fail when another one has written in between.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")
