"""Data folders for the commands: one where nothing runs, and the shared stack's."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli.command import Home
from tests.support.up.fresh import short_folder


@pytest.fixture(scope="session")
def prepared() -> Iterator[Path]:
    """A data folder as `init` leaves it, to be copied."""
    with short_folder() as above:
        Home(above / "data").ok("init")
        yield above / "data"


@pytest.fixture
def home(prepared: Path) -> Iterator[Home]:
    """A data folder of one's own, where nothing runs."""
    with short_folder() as above:
        shutil.copytree(prepared, above / "data")
        yield Home(above / "data")


@pytest.fixture(params=["not running", pytest.param("running", marks=pytest.mark.needs_nginx)])
def either(request: pytest.FixtureRequest) -> Home:
    """A data folder whose service runs, or does not."""
    if request.param == "running":
        return Home(request.getfixturevalue("stack").data_dir)
    own: Home = request.getfixturevalue("home")
    return own
