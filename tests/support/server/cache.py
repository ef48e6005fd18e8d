"""A cache for files that are expensive to make and equal for all checkouts; it is outside of them."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def cache() -> Path:
    """Return the folder for what all checkouts share."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "authsvc-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def cached(name: str, fill: Callable[[Path], None]) -> Path:
    """Return the cached folder of that name; the first caller runs `fill` to make it.

    Other callers wait until it is complete. A folder whose making was
    interrupted is never used: the next caller starts from nothing.
    """
    with _locked(name):
        return _made(name, fill)


@contextmanager
def borrowed(name: str, fill: Callable[[Path], None]) -> Iterator[Path]:
    """Like `cached`, for a folder that `prune` may remove when no process uses it: give it until the context ends."""
    with _locked(name):
        folder = _made(name, fill)
        user = os.open(folder, os.O_RDONLY)
        fcntl.flock(user, fcntl.LOCK_SH)
        # The newest ones are kept.
        os.utime(folder)
    try:
        yield folder
    finally:
        os.close(user)


def prune(prefix: str, *, keep: int) -> None:
    """Remove the folders that begin with `prefix`, but not the `keep` last borrowed ones and not those in use.

    What killed processes left unfinished is removed too.
    """
    for left in cache().glob(f"{prefix}*.unfinished-*"):
        if not Path("/proc", left.name.rpartition("-")[2]).exists():
            shutil.rmtree(left, ignore_errors=True)
    folders = [path for path in cache().glob(f"{prefix}*") if path.is_dir() and ".unfinished-" not in path.name]
    folders.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for folder in folders[keep:]:
        with _locked(folder.name):
            if folder.exists() and not _is_in_use(folder):
                shutil.rmtree(folder.rename(_unfinished(folder.name)))


def _made(name: str, fill: Callable[[Path], None]) -> Path:
    folder, unfinished = cache() / name, _unfinished(name)
    if not folder.exists():
        for left in cache().glob(f"{name}.unfinished-*"):
            shutil.rmtree(left, ignore_errors=True)
        unfinished.mkdir()
        fill(unfinished)
        unfinished.rename(folder)
    return folder


def _unfinished(name: str) -> Path:
    return cache() / f"{name}.unfinished-{os.getpid()}"


@contextmanager
def _locked(name: str) -> Iterator[None]:
    with (cache() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_in_use(folder: Path) -> bool:
    user = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(user, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(user)
    return False
