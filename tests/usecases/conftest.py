"""A data folder of its own for every test that asks for one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from authsvc.catalog.migrate import ensure_schema
from tests.usecases.workplace import Workplace, open_workplace


@pytest.fixture(scope="session")
def new_catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog's file as the migrations leave it. To be copied, not opened."""
    path = tmp_path_factory.mktemp("catalog") / "new.sqlite3"
    ensure_schema(path)
    return path


@pytest.fixture
def place(tmp_path: Path, new_catalog: Path) -> Iterator[Workplace]:
    made = open_workplace(tmp_path / "data", new_catalog)
    yield made
    made.catalog.close()
