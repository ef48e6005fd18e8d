"""One second environment for all tests here, because pip makes it in half a minute."""

from collections.abc import Iterator

import pytest

from tests.support.install.tree import Run, Tree, copied_checkout


@pytest.fixture(scope="session")
def tree() -> Iterator[Tree]:
    with copied_checkout() as copied:
        yield copied


@pytest.fixture(scope="session")
def first_run(tree: Tree) -> Iterator[Run]:
    """The very first `make run`, as an ordinary user; it makes .venv."""
    with tree.running(tree.folder / "var") as run:
        yield run
