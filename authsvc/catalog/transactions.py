"""Transactions that read and that write, and the errors that they raise."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError

from authsvc.errors import Broken, Busy, DiskFull

WRITING: Final = {"authsvc_writing": True}
"""The execution option of connections that write, for the engine's `begin` event."""


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that sees the database as of one moment."""
    with own_errors(), engine.begin() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction while no other process writes; commit it durably at the end."""
    with own_errors(), engine.execution_options(**WRITING).begin() as connection:
        yield connection


@contextmanager
def own_errors() -> Iterator[None]:
    """Raise the database's errors as DiskFull, Busy or Broken."""
    try:
        yield
    except DatabaseError as error:
        text = str(error.orig)
        if "full" in text or "disk I/O error" in text:
            raise DiskFull from error
        # The last is SQLITE_PROTOCOL: another program has held the locks of a recovery for ten seconds.
        if "locked" in text or "busy" in text or "locking protocol" in text:
            raise Busy from error
        raise Broken(reason=f"the catalog cannot be used: {text}") from error
