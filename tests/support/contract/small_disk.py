"""A file system that is really full, for as long as a test needs one."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, options: str) -> Iterator[Path]:
    """Mount a tmpfs with `options` (tmpfs(5), such as `size=1m`) at `folder`."""
    folder.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mount.returncode != 0:
        pytest.fail(f"a full disk needs a mount of its own, so run the tests as root: {mount.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Write until the disk below `folder` is full; return the file that fills it."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    return ballast


def use_up_names(folder: Path) -> None:
    """Make empty files until there is no room for one more name.

    A hard link needs such room too: tmpfs counts one as an inode.
    """
    with suppress(OSError):
        for number in count():
            (folder / f"filler-{number}").touch()
