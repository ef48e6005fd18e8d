"""The locked packages as files, for machines without a network."""

import functools
import hashlib
import subprocess
import sys
from pathlib import Path

from tests.support.server.cache import cached
from tests.support.server.debian import debian_root

LOCK = Path(__file__).parents[3] / "requirements" / "run.txt"
DOWNLOAD_SECONDS = 600


@functools.cache
def wheelhouse(lock: Path = LOCK) -> Path:
    """Return a folder with every package of a lock, checked against its hashes.

    They fit the Python of `debian_root`, not the one that runs the tests.
    """
    version = (debian_root() / "usr/bin/python3").readlink().name.removeprefix("python")
    key = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    return cached(f"wheels-{version}-{key}", lambda folder: _download(lock, folder, version))


def _download(lock: Path, folder: Path, version: str) -> None:
    # Wheels, except for the one package that has none.
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes", "--no-build-isolation"]
    options += ["--only-binary=:all:", "--no-binary=pyvips"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", *options, f"--python-version={version}", "-d", folder, "-r", lock],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DOWNLOAD_SECONDS,
        check=False,
    )
    if done.returncode:
        message = f"pip cannot download the packages of {lock}:\n{done.stdout}"
        raise RuntimeError(message)
