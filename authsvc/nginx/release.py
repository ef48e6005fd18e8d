"""nginx's files as releases: folders named by their content, and one link to the folder in use.

A release is complete before the link leads to it, and is never changed, so
nginx cannot read half of one. A rollback only changes the link.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from authsvc.system.atomic import FILE_MODE, exchange, is_like, replaced
from authsvc.system.durable import opened, sync_directory

Files = Mapping[str, bytes]
"""The files of a release, by their path in its folder."""

SITE_DEFAULT: Final = "site.default"
"""The site file as we would write it. The site file itself is not in a release, because people edit it."""

_FOLDER_MODE: Final = 0o755
_NAME_LENGTH: Final = 12


@dataclass(frozen=True, slots=True)
class Releases:
    """The releases of one nginx; `link` leads to the one in use."""

    link: Path

    @property
    def folder(self) -> Path:
        """Where the releases are, beside the link."""
        return self.link.with_name(f"{self.link.name}-releases")

    def files(self) -> dict[str, bytes]:
        """Return the files of the release in use, none before the first."""
        return files_in(self.link)

    def versions_of(self, name: str) -> set[bytes]:
        """Return the content that the file of this name has in each release."""
        return {path.read_bytes() for path in (self.link / name, *self.folder.glob(f"*/{name}")) if path.is_file()}

    @contextmanager
    def switched(self, files: Files) -> Iterator[None]:
        """Use these files within the block and after it; use the files from before if it raises."""
        self.adopt()
        release = self._place_for(files)
        is_new = not release.exists()
        try:
            if is_new:
                _write_folder(release, files)
            if not is_like(self.link, self._target(release)):
                os.utime(release)  # the time of its last use, by which `_prune` sorts
            with replaced(self.link, self._target(release)):
                yield
        except BaseException:
            if is_new:
                _remove(release)
            with suppress(OSError):
                self.folder.rmdir()
            raise
        # The new files are in use, even if an old release cannot be removed.
        with suppress(OSError):
            self._prune()

    def adopt(self) -> None:
        """Make a release of the folder that earlier versions had in place of the link. nginx sees no change."""
        self.folder.mkdir(exist_ok=True)
        self.folder.chmod(_FOLDER_MODE)
        if self.link.is_dir() and not self.link.is_symlink():
            release = self.folder / "earlier"
            _remove(release)
            release.symlink_to(self._target(release))
            exchange(release, self.link)
            sync_directory(self.link.parent)

    def remove(self) -> None:
        """Remove all releases, after the link was removed."""
        _remove(self.folder)

    def _place_for(self, files: Files) -> Path:
        """Return the folder with these files, or a free name if somebody has edited the folder with the first name."""
        names = (f"{name_of(files)}{f'-{number}' if number else ''}" for number in count())
        places = (self.folder / name for name in names)
        return next(place for place in places if not place.exists() or files_in(place) == files)

    def _target(self, release: Path) -> Path:
        return release.relative_to(self.link.parent)

    def _prune(self) -> None:
        """Keep the release in use, the last one before it, and one with each other version of the site file.

        An installation that was killed may have left a site file of any of these versions.
        """
        in_use = self.link.resolve()
        others = [path for path in self.folder.iterdir() if path.resolve() != in_use]
        others.sort(key=lambda path: path.lstat().st_mtime_ns, reverse=True)
        sites = {None, _content(in_use / SITE_DEFAULT)}
        for number, path in enumerate(others):
            site = _content(path / SITE_DEFAULT)
            if number and site in sites:
                _remove(path)
            sites.add(site)


def files_in(folder: Path) -> dict[str, bytes]:
    """Return the files below a folder; none if the folder does not exist. Raises OSError."""
    paths = (Path(parent, name) for parent, _, names in os.walk(folder) for name in names)
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def name_of(files: Files) -> str:
    """Return the name of a release: the same files have the same name."""
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:_NAME_LENGTH]


def _write_folder(folder: Path, files: Files) -> None:
    """Make a folder of files that every user may read; it appears when all is on the disk."""
    fresh = folder.with_name("new")
    _remove(fresh)
    for name, content in files.items():
        (fresh / name).parent.mkdir(parents=True, exist_ok=True)
        (fresh / name).write_bytes(content)
    for path in (fresh, *fresh.rglob("*")):
        path.chmod(_FOLDER_MODE if path.is_dir() else FILE_MODE)  # independent of the umask
        with opened(path) as descriptor:
            os.fsync(descriptor)
    fresh.rename(folder)
    sync_directory(folder.parent)


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
