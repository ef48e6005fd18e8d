"""This checkout, or a commit of it, in a machine."""

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

from tests.support.server.machine import Machine

SOURCE = Path(__file__).parents[3]
PLACE = "/root/authsvc"
"""Where it lies in a machine, unless a test asks for another place."""


def put_checkout(machine: Machine, place: str = PLACE) -> None:
    """Copy the files that git knows, or would add, as they are now."""
    copy_checkout(machine.path(place))


def put_commit(machine: Machine, commit: str, place: str = PLACE) -> None:
    """Copy the files of a commit."""
    folder = machine.path(place)
    folder.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(git("archive", commit))) as archive:
        archive.extractall(folder, filter="tar")


def copy_checkout(folder: Path) -> None:
    """Copy the files that git knows, or would add, into a folder of this computer."""
    for name in git("ls-files", "-z", "--cached", "--others", "--exclude-standard").decode().split("\0"):
        if name and (SOURCE / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(SOURCE / name, folder / name)


def git(*arguments: str) -> bytes:
    """Return what git says about the checkout."""
    # Tests run as root, also where the checkout is somebody else's.
    command = ["git", "-c", "safe.directory=*", "-C", str(SOURCE), *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout
