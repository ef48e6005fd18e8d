"""A stack at its first start, with an empty data folder."""

import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.stack import Stack

TOKEN = re.compile(r"asv_[A-Za-z0-9_-]{43}")


class FreshStack(Stack):
    """Begins with nothing, and uploads with the token that its first start shows."""

    def prepare(self) -> None:
        """Leave it all to the first start."""

    @property
    def token(self) -> str:
        return shown_token(self.output)

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Keep the data folder for a test that starts `authsvc` in a way of its own."""
        self.data_dir.chmod(0o755)
        try:
            yield self.data_dir
        finally:
            shutil.rmtree(self.data_dir)


def shown_token(output: str) -> str:
    """Return the token in a first start's greeting."""
    found = TOKEN.search(output)
    assert found, output
    return found[0]


def curl_line(output: str) -> str:
    """Return the command that the greeting shows for a first upload."""
    return next(line.strip() for line in output.splitlines() if line.startswith("  curl "))


def paste(line: str) -> subprocess.CompletedProcess[str]:
    """Run a line in a shell, as a newcomer does, but quietly."""
    assert shlex.split(line)[0] == "curl"
    return subprocess.run(["sh", "-c", f"{line} -sS"], capture_output=True, text=True, check=False, timeout=60)


@contextmanager
def short_folder() -> Iterator[Path]:
    """Make a folder that everybody may enter, with a path short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="asv-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
