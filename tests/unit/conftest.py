"""A place where settings come from nowhere but the test."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working folder with a short path, and no setting in the environment."""
    for variable in [name for name in os.environ if name.upper().startswith("AUTHSVC_")]:
        monkeypatch.delenv(variable)
    # Short, for the 107 bytes of a Unix socket's path.
    made = Path(tempfile.mkdtemp(prefix="asv-", dir="/tmp"))
    monkeypatch.chdir(made)
    yield made
    shutil.rmtree(made)
