"""A catalog's file, made once and copied for every test."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from authsvc.catalog.migrate import ensure_schema
from authsvc.catalog.sql import Catalog, open_catalog


@pytest.fixture(scope="session")
def new_catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog's file as the migrations leave it. To be copied, not opened."""
    path = tmp_path_factory.mktemp("catalog") / "new.sqlite3"
    ensure_schema(path)
    return path


@pytest.fixture
def catalog_path(new_catalog: Path, tmp_path: Path) -> Path:
    """A catalog's file of the test's own."""
    return Path(shutil.copy(new_catalog, tmp_path / "catalog.sqlite3"))


@pytest.fixture
def opener(catalog_path: Path) -> Callable[[], Catalog]:
    """A function that opens the test's catalog, also in another process."""
    return partial(open_catalog, catalog_path)
