"""This checkout, or a commit of it, in a machine."""

import io
import shutil
import subprocess
import tarfile
from collections.abc import Iterable
from pathlib import Path

from tests.support.server.machine import Machine

SOURCE = Path(__file__).parents[3]
PLACE = "/root/authsvc"
"""The folder of the checkout in a machine, unless a test chooses another one."""


def checkout_files() -> list[str]:
    """Return the names of the files that git knows, or would add."""
    names = git("ls-files", "-z", "--cached", "--others", "--exclude-standard").decode().split("\0")
    return [name for name in names if name and (SOURCE / name).is_file()]


def put_checkout(machine: Machine, place: str = PLACE) -> None:
    """Copy the files that git knows, or would add, as they are now."""
    copy_checkout(machine.path(place))


def put_files(machine: Machine, names: Iterable[str]) -> None:
    """Copy some files of the checkout."""
    copy_files(machine.path(PLACE), names)


def put_commit(machine: Machine, commit: str, place: str = PLACE) -> None:
    """Copy the files of a commit."""
    folder = machine.path(place)
    folder.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(git("archive", commit))) as archive:
        archive.extractall(folder, filter="tar")


def copy_checkout(folder: Path) -> None:
    """Copy the files that git knows, or would add, into a folder of this computer."""
    copy_files(folder, checkout_files())


def copy_files(folder: Path, names: Iterable[str]) -> None:
    """Copy some files of the checkout into a folder of this computer."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(SOURCE / name, folder / name)


def git(*arguments: str) -> bytes:
    """Return the output of a git command on the checkout."""
    # Tests run as root, also where the checkout belongs to another user.
    command = ["git", "-c", "safe.directory=*", "-C", str(SOURCE), *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout
