"""Connections to the database, and its errors in this project's words."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError

from authsvc.errors import Broken, Busy, DiskFull
from authsvc.times import TIMES

_POOL_CONNECTIONS: Final = 8
_POOL_OVERFLOW: Final = 32


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
    # The driver's own transaction handling would begin too late and too weakly.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    # NORMAL loses every acknowledged row of the last moments at a power cut.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    is_writing = connection.get_execution_options().get("authsvc_writing", False)
    # IMMEDIATE takes the write lock first: a transaction that reads and then
    # writes would otherwise fail when another one has written in between.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that sees one moment of the database."""
    with in_our_words(), engine.begin() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that is alone in writing; commit it durably at the end."""
    with in_our_words(), engine.execution_options(authsvc_writing=True).begin() as connection:
        yield connection


@contextmanager
def in_our_words() -> Iterator[None]:
    """Turn the database's errors into DiskFull, Busy or Broken."""
    try:
        yield
    except DatabaseError as error:
        text = str(error.orig)
        if "full" in text or "disk I/O error" in text:
            raise DiskFull from error
        # The last is SQLITE_PROTOCOL: another program has held a recovery's locks for ten seconds.
        if "locked" in text or "busy" in text or "locking protocol" in text:
            raise Busy from error
        raise Broken(reason=f"the catalog cannot be used: {text}") from error
