"""The group writer, on a real catalog."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event

from authsvc.catalog.sqlite import sqlite_engine
from authsvc.catalog.transactions import reading
from authsvc.catalog.writer import MAX_GROUP, GroupWriter
from authsvc.errors import Busy
from tests.support.times import shorten


class _Refused(Exception):
    pass


@pytest.fixture
def engine(catalog_path: Path) -> Iterator[Engine]:
    made = sqlite_engine(catalog_path)
    yield made
    made.dispose()


@pytest.fixture
def writer(engine: Engine) -> Iterator[GroupWriter]:
    made = GroupWriter(engine)
    yield made
    made.close()


@pytest.fixture
def commits(engine: Engine) -> list[object]:
    """One entry for every commit from now on."""
    seen: list[object] = []
    event.listen(engine, "commit", seen.append)
    return seen


def _adding(pattern: str) -> Callable[[Connection], str]:
    def act(connection: Connection) -> str:
        connection.exec_driver_sql("INSERT INTO sites VALUES (?, 1)", (pattern,))
        return pattern

    return act


def _refusing(connection: Connection) -> None:
    connection.exec_driver_sql("INSERT INTO sites VALUES ('refused', 1)")
    raise _Refused


def _sites(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        return list(
            connection.exec_driver_sql("SELECT pattern FROM sites WHERE created_at = 1 ORDER BY rowid").scalars()
        )


class _HeldUp:
    """Keeps the writer busy with one write until the end of the context."""

    def __init__(self, writer: GroupWriter) -> None:
        self._release = threading.Event()
        started = threading.Event()

        def act(_: Connection) -> None:
            started.set()
            self._release.wait(60)

        self._future = writer.submit(act)
        assert started.wait(60)

    def __enter__(self) -> Future[None]:
        return self._future

    def __exit__(self, *_: object) -> None:
        self._release.set()


def test_write_is_committed_when_its_future_is_done(writer: GroupWriter, engine: Engine) -> None:
    assert writer.submit(_adding("a.example")).result() == "a.example"
    assert _sites(engine) == ["a.example"]


def test_writes_that_wait_share_a_commit(writer: GroupWriter, engine: Engine, commits: list[object]) -> None:
    names = [f"{number}.example" for number in range(MAX_GROUP + 44)]
    with _HeldUp(writer):
        futures = [writer.submit(_adding(name)) for name in names]
    assert [future.result() for future in futures] == names
    assert _sites(engine) == names
    # The delayed write, a full group, and the rest; then the read of this test.
    assert len(commits) == 3 + 1


def test_failing_write_leaves_nothing_and_does_not_affect_others_of_its_group(
    writer: GroupWriter, engine: Engine
) -> None:
    with _HeldUp(writer):
        before = writer.submit(_adding("before.example"))
        refused = writer.submit(_refusing)
        after = writer.submit(_adding("after.example"))
    assert after.result() == "after.example"
    assert before.result() == "before.example"
    assert isinstance(refused.exception(), _Refused)
    assert _sites(engine) == ["before.example", "after.example"]


def test_write_that_fails_by_itself_gets_its_own_error(writer: GroupWriter, engine: Engine) -> None:
    assert isinstance(writer.submit(_refusing).exception(), _Refused)
    assert writer.submit(_adding("a.example")).result() == "a.example"
    assert _sites(engine) == ["a.example"]


def test_caller_cannot_cancel_half_a_write(writer: GroupWriter) -> None:
    with _HeldUp(writer):
        future = writer.submit(_adding("a.example"))
        assert future.cancel() is False
    assert future.result() == "a.example"


@pytest.mark.parametrize("writes", [0, 1, 2 * MAX_GROUP], ids=["nothing", "one write", "two groups"])
def test_close_finishes_what_was_submitted(engine: Engine, writes: int) -> None:
    writer = GroupWriter(engine)
    with _HeldUp(writer):
        futures = [writer.submit(_adding(f"{number}.example")) for number in range(writes)]
        closing_thread = threading.Thread(target=writer.close)
        closing_thread.start()
    closing_thread.join(60)
    assert not closing_thread.is_alive()
    assert all(future.done() for future in futures)
    assert len(_sites(engine)) == writes


def test_locked_database_makes_writes_that_wait_together_give_up_together(
    catalog_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten(monkeypatch, "authsvc.catalog.sqlite", catalog_busy=0.3)
    engine = sqlite_engine(catalog_path)
    tries: list[str] = []

    def note(_connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("BEGIN"):
            tries.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    writer = GroupWriter(engine)
    with closing(sqlite3.connect(catalog_path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        futures = [writer.submit(_adding(f"{number}.example")) for number in range(20)]
        assert {type(future.exception()) for future in futures} == {Busy}
    # The writer takes the writes that are there, and then the rest: not one by one.
    assert len(tries) <= 3
    writer.close()
    engine.dispose()


def test_write_after_close_is_busy(engine: Engine) -> None:
    writer = GroupWriter(engine)
    writer.close()
    assert isinstance(writer.submit(_adding("late.example")).exception(timeout=5), Busy)
    assert _sites(engine) == []
