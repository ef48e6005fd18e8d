"""Change several files; put every one back when something behind it fails."""

import os
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from authsvc.system.durable import sync_directory

_KEPT: Final = "before"
_FRESH: Final = "new"
_FILE_MODE: Final = 0o644
_FOLDER_MODE: Final = 0o755


@dataclass(frozen=True, slots=True)
class _State:
    """How a path is, or is wanted: a file's bytes, mode and group, or a link's target."""

    content: bytes | None = None
    link: str | None = None
    mode: int = 0
    gid: int | None = None


@dataclass
class FileChanges:
    """A context in which files are replaced, each whole or not at all, also at a power cut.

    When the context ends by an exception, all are as they were before it, and
    folders that it made are gone. That takes no room on the disk: the old files
    are kept under hidden names until the end. `before_first` is called before
    the first real change.
    """

    before_first: Callable[[], None] | None = None
    _kept: dict[Path, Path | None] = field(default_factory=dict)
    _folders: list[Path] = field(default_factory=list)

    @property
    def changed(self) -> list[Path]:
        """What differs from how it was, as long as the context lasts."""
        return [path for path, kept in self._kept.items() if _state_of(path) != (kept and _state_of(kept))]

    @property
    def is_begun(self) -> bool:
        """Whether anything was written or removed, also if all is as before again."""
        return bool(self._kept)

    def write(self, path: Path, content: str | bytes, *, mode: int = _FILE_MODE, gid: int | None = None) -> None:
        """Give `path` this content and mode, and the group `gid` (None: the one it has)."""
        data = content.encode() if isinstance(content, str) else content
        wanted = _State(data, mode=mode, gid=gid)
        if not _is_like(path, wanted):
            self._keep(path)
            _put(path, wanted)

    def link(self, path: Path, target: Path) -> None:
        """Make `path` a symbolic link to `target`."""
        wanted = _State(link=str(target))
        if not _is_like(path, wanted):
            self._keep(path)
            _put(path, wanted)

    def remove(self, path: Path) -> None:
        """Remove a file or link, if it is there."""
        if os.path.lexists(path):
            self._keep(path)
            path.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for path, kept in reversed(self._kept.items()):
            if kind is not None:
                # One that cannot be put back must not keep the others from it.
                with suppress(OSError):
                    path.unlink(missing_ok=True) if kept is None else kept.replace(path)
                    if kept is not None:
                        # rename(2) does nothing where both still name the same file.
                        kept.unlink(missing_ok=True)
            elif kept is not None:
                kept.unlink(missing_ok=True)
        if kind is None:
            for folder in {path.parent for path in self._kept if path.parent.exists()}:
                sync_directory(folder)
        else:
            for folder in reversed(self._folders):
                with suppress(OSError):
                    folder.rmdir()

    def _keep(self, path: Path) -> None:
        """Keep what is at `path` now for the way back; make room for something new."""
        if path in self._kept:
            return
        if not self._kept and self.before_first is not None:
            self.before_first()
        for folder in reversed([parent for parent in path.parents if not parent.exists()]):
            folder.mkdir()
            folder.chmod(_FOLDER_MODE)
            self._folders.append(folder)
        kept = None
        if os.path.lexists(path):
            kept = _hidden(path, _KEPT)
            kept.unlink(missing_ok=True)
            os.link(path, kept, follow_symlinks=False)
        self._kept[path] = kept


def remove_leftovers(paths: Iterable[Path]) -> None:
    """Remove what a change of these files has left that was killed. Nobody may be changing them now."""
    for path in paths:
        for suffix in (_KEPT, _FRESH):
            _hidden(path, suffix).unlink(missing_ok=True)


def _is_like(path: Path, wanted: _State) -> bool:
    state = _state_of(path)
    if state is None or wanted.gid is not None:
        return state == wanted
    return replace(state, gid=None) == wanted


def _state_of(path: Path) -> _State | None:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(status.st_mode):
        return _State(link=str(path.readlink()))
    return _State(path.read_bytes(), mode=stat.S_IMODE(status.st_mode), gid=status.st_gid)


def _put(path: Path, wanted: _State) -> None:
    fresh = _hidden(path, _FRESH)
    fresh.unlink(missing_ok=True)
    try:
        if wanted.link is not None:
            fresh.symlink_to(wanted.link)
        else:
            _write_whole(fresh, wanted, _group_of(path) if wanted.gid is None else wanted.gid)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def _write_whole(fresh: Path, wanted: _State, gid: int | None) -> None:
    # EXCL: a link that somebody puts there in between is not followed.
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(wanted.content or b"")
        file.flush()
        if gid is not None and gid != os.fstat(descriptor).st_gid:
            os.fchown(descriptor, -1, gid)
        os.fchmod(descriptor, wanted.mode)
        os.fsync(descriptor)


def _group_of(path: Path) -> int | None:
    """Return the group of a file that is to be replaced, and may need it to be read."""
    try:
        return path.lstat().st_gid
    except FileNotFoundError:
        return None


def _hidden(path: Path, suffix: str) -> Path:
    """Return a name beside `path` that nginx does not see when it includes the whole folder."""
    return path.with_name(f".{path.name}.{suffix}")
