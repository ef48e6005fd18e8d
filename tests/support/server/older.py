"""An older release, from which a server is upgraded."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support.server.checkout import copy_checkout, git, put_commit
from tests.support.server.kept import built_release, file_facts, installable
from tests.support.server.machine import Machine
from tests.support.server.wheels import LOCK

INSTALLABLE = "systemd/authsvc.service"
SOURCES = ("authsvc", "nginx", "systemd", "requirements/run.txt", "pyproject.toml")


class Older(NamedTuple):
    """A description of where it comes from; its commit, if it has one; its lock file."""

    name: str
    commit: str | None
    lock: Path


def older_release(folder: Path) -> Older:
    """Return the nearest commit that can be installed and whose release differs from the files as they are now.

    If there is none, these files are used with another version number and
    another comment in a template. The lock file is written into `folder`.
    """
    for commit in git("rev-list", "HEAD").decode().split():
        if not git("ls-tree", commit, INSTALLABLE):
            break
        if git("diff", "--name-only", commit, "--", *SOURCES):
            lock = folder / "run.txt"
            lock.write_bytes(git("show", f"{commit}:requirements/run.txt"))
            return Older(f"commit {commit[:12]}", commit, lock)
    return Older("a copy of these files with another version number", None, LOCK)


def put_older(machine: Machine, older: Older, place: str) -> None:
    """Put its checkout into a machine."""
    if older.commit is not None:
        put_commit(machine, older.commit, place)
        return
    folder = machine.path(place)
    copy_checkout(folder)
    _edit(folder / "authsvc/__init__.py", r'__version__ = ".*"', '__version__ = "0.0.1"')
    _edit(folder / "nginx/authsvc-http.conf.j2", r"\A#", "# Formerly:")


@contextmanager
def built_older(older: Older, place: str, *, binds: Mapping[Path, str], wheels: str) -> Iterator[Path]:
    """Give a folder with its built release; see put_release."""
    facts = [older.commit] if older.commit else file_facts([__file__, *installable()])

    def put(machine: Machine) -> None:
        put_older(machine, older, place)

    with built_release("older", facts, put, place, binds=binds, wheels=wheels) as folder:
        yield folder


def _edit(path: Path, pattern: str, text: str) -> None:
    edited, count = re.subn(pattern, text, path.read_text("utf-8"), count=1)
    assert count == 1, f"{path} has nothing like {pattern}"
    path.write_text(edited, "utf-8")
