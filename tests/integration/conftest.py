"""A data folder of its own for every test that asks for one."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from authsvc.catalog.migrate import ensure_schema
from tests.support.own_nginx import Network, OwnNginx, own_nginx
from tests.support.workplace import Workplace, open_workplace


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


@pytest.fixture
def open_path(tmp_path: Path) -> Path:
    """A folder that every user can reach, unlike pytest's own."""
    top = Path(tempfile.gettempdir())
    for folder in (tmp_path, *tmp_path.parents):
        if top in folder.parents:
            folder.chmod(0o755)
    return tmp_path


@pytest.fixture(scope="session")
def network() -> Iterator[Network]:
    """A network with nothing but its loopback."""
    with Network() as made:
        yield made


@pytest.fixture
def nginx(network: Network) -> Iterator[OwnNginx]:
    """An nginx of the test's own, laid out as on a server. It does not run."""
    with own_nginx(network) as made:
        yield made
