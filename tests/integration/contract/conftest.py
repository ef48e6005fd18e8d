"""A separate catalog for each test."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from authsvc.catalog.opened import Catalog
from authsvc.catalog.sqlite import open_catalog


@pytest.fixture
def catalog_path(new_catalog: Path, tmp_path: Path) -> Path:
    """The file of the test's catalog."""
    return Path(shutil.copy(new_catalog, tmp_path / "catalog.sqlite3"))


@pytest.fixture
def opener(catalog_path: Path) -> Callable[[], Catalog]:
    """A function that opens the test's catalog, also in another process."""
    return partial(open_catalog, catalog_path)
