"""The catalog's SQLite file, seen and touched from outside the product."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from tests.support.stack import Stack


def _open(stack: Stack) -> sqlite3.Connection:
    path = stack.data_dir / "catalog" / "catalog.sqlite3"
    return sqlite3.connect(path, isolation_level=None, timeout=30)


def count_images(stack: Stack) -> int:
    with closing(_open(stack)) as connection:
        count: int = connection.execute("SELECT count(*) FROM images").fetchone()[0]
        return count


def digests(stack: Stack) -> set[str]:
    with closing(_open(stack)) as connection:
        return {row[0] for row in connection.execute("SELECT digest FROM images")}


def is_use_noted(stack: Stack) -> bool:
    """Whether a token's use is written, which the service does after the answer to an upload."""
    with closing(_open(stack)) as connection:
        row = connection.execute("SELECT 1 FROM tokens WHERE last_used_at IS NOT NULL").fetchone()
        return row is not None


@contextmanager
def other_sha256(stack: Stack, digest: str) -> Iterator[None]:
    """Make the catalog report that other bytes with this md5 are stored."""
    with closing(_open(stack)) as connection:
        row = "SELECT id, sha256 FROM images WHERE digest = ?"
        number, sha256 = connection.execute(row, (digest,)).fetchone()
        connection.execute("DELETE FROM received WHERE image_id = ?", (number,))
        connection.execute("UPDATE images SET sha256 = ? WHERE id = ?", ("0" * 64, number))
        try:
            yield
        finally:
            connection.execute("UPDATE images SET sha256 = ? WHERE id = ?", (sha256, number))


@contextmanager
def write_lock(stack: Stack) -> Iterator[None]:
    """Lock the catalog for other writers, as another program might."""
    with closing(_open(stack)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")
