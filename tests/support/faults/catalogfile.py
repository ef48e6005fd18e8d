"""Take the catalog's file away from the running service, and give it back."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support.stack import Stack

# Another program in the middle of a transaction.
_WRITER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
connection.execute("ROLLBACK")
"""
# As a program that recovers the file does (sqlite.org/walformat.html, section
# 2.3): it holds every lock of the shared memory, at bytes 120 to 127.
_RECOVERER = """
import fcntl, sys
with open(sys.argv[1] + "-shm", "r+b") as memory:
    for byte in range(120, 128):
        fcntl.lockf(memory, fcntl.LOCK_EX, 1, byte)
    print("locked", flush=True)
    sys.stdin.read()
"""

_READER = """
import sqlite3, sys
try:
    sqlite3.connect(sys.argv[1]).execute("SELECT count(*) FROM sqlite_schema").fetchall()
except sqlite3.OperationalError as error:
    print(error)
"""
_READER_SECONDS = 60
"""SQLite itself gives up after ten."""


def catalog(stack: Stack) -> Path:
    """Return the catalog's file."""
    return stack.data_dir / "catalog" / "catalog.sqlite3"


@contextmanager
def _held(program: str, path: Path) -> Iterator[None]:
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        try:
            assert holder.stdout.readline() == "locked\n"
            yield
        finally:
            holder.stdin.close()


@contextmanager
def locked_for_writers(stack: Stack) -> Iterator[None]:
    """Keep a writing transaction open in another process."""
    with _held(_WRITER, catalog(stack)):
        assert_busy(stack, "BEGIN IMMEDIATE")
        yield
        assert_busy(stack, "BEGIN IMMEDIATE")


@contextmanager
def locked_for_readers(stack: Stack) -> Iterator[None]:
    """Let another process hold the lock that every reader needs; check that one more reader cannot read."""
    path = catalog(stack)
    command = [sys.executable, "-c", _READER, str(path)]
    with _held(_RECOVERER, path), subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        try:
            yield
            said, _ = reader.communicate(timeout=_READER_SECONDS)
            assert said == "locking protocol\n"
        finally:
            reader.kill()


def assert_busy(stack: Stack, statement: str) -> None:
    """Check that SQLite reports the file as locked to other processes."""
    with closing(sqlite3.connect(catalog(stack), isolation_level=None, timeout=0)) as probe:
        with pytest.raises(sqlite3.OperationalError, match="locked") as caught:
            probe.execute(statement)
        assert caught.value.sqlite_errorcode == sqlite3.SQLITE_BUSY


@contextmanager
def unreadable(stack: Stack) -> Iterator[None]:
    """Put something else in place of the catalog. A process that has the catalog open keeps it."""
    folder = stack.data_dir / "catalog"
    aside = folder.with_name("catalog-aside")
    folder.rename(aside)
    folder.write_bytes(b"no folder")
    try:
        with pytest.raises(sqlite3.OperationalError, match="unable to open"):
            sqlite3.connect(catalog(stack)).execute("SELECT 1")
        yield
    finally:
        folder.unlink()
        aside.rename(folder)
