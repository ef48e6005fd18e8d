"""A folder that looks like a clone after `make run`, to follow the pages in."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.docs.markdown import blocks
from tests.support.stack import AUTHSVC, Stack


def script(page: Path, beginning: str) -> str:
    """Return the page's one shell block that begins with these words."""
    found = [block.text for block in blocks(page, "sh") if block.text.startswith(beginning)]
    assert len(found) == 1, f"{len(found)} blocks begin with {beginning!r}"
    return found[0]


def may_embed(stack: Stack, path: str, page: str) -> bool:
    """Return whether a page gets the picture, on a new connection: nginx closes idle ones when it reloads."""
    return stack.get(path, referer=page, connection="close").status_code == 200


class Clone:
    """Runs shell blocks exactly as a page has them."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self._environment = environment

    def run(self, text: str) -> subprocess.CompletedProcess[str]:
        command = ["sh", "-eu", "-c", text]
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def must_run(self, text: str) -> subprocess.CompletedProcess[str]:
        done = self.run(text)
        assert done.returncode == 0, done.stdout + done.stderr
        return done


@contextmanager
def clone_of(data_dir: Path | None, environment: Mapping[str, str] | None = None) -> Iterator[Clone]:
    """Make the folder. Its `var` is `data_dir`; with None it does not exist yet."""
    # Short, for the 107 bytes of a Unix socket's path.
    folder = Path(tempfile.mkdtemp(prefix="asv-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        (folder / ".venv" / "bin").mkdir(parents=True)
        (folder / ".venv" / "bin" / "authsvc").symlink_to(AUTHSVC)
        if data_dir is not None:
            (folder / "var").symlink_to(data_dir)
        yield Clone(folder, os.environ if environment is None else environment)
    finally:
        shutil.rmtree(folder)
