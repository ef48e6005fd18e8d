"""The disks of machines: copies on write of folders that they share."""

import functools
import hashlib
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

from tests.support.server.steps import run_step

KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "folder",
    stat.S_IFLNK: "link",
    stat.S_IFSOCK: "socket",
    stat.S_IFIFO: "pipe",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


@dataclass(frozen=True)
class Layers:
    """The layers of a new disk: folders that do not change any more, the topmost first."""

    folders: tuple[Path, ...]


class Disk:
    """A copy on write of `layers`, kept in memory below `folder` and mounted as `root`."""

    def __init__(self, folder: Path, layers: Layers) -> None:
        self.folder = folder
        self.root = folder / "root"
        self._layers = layers
        run_step("mount", "-t", "tmpfs", "-o", "mode=0755", "authsvc-tests", folder)
        try:
            self.root.mkdir()
            self._mount()
        except BaseException:
            run_step("umount", folder)
            raise

    def freeze(self) -> Layers:
        """Return what is on the disk now; later writes do not change it. It lasts until `close`."""
        run_step("umount", self.root)
        self._layers = Layers((self._changes, *self._layers.folders))
        self._mount()
        return self._layers

    def close(self) -> None:
        """Unmount the disk, which removes everything on it."""
        run_step("umount", self.root)
        run_step("umount", self.folder)

    def _mount(self) -> None:
        self._changes, work = (self.folder / f"{what}-{len(self._layers.folders)}" for what in ("changes", "work"))
        self._changes.mkdir()
        work.mkdir()
        lower = ":".join(str(folder) for folder in self._layers.folders)
        # redirect_dir: without it a folder of a lower layer could not be renamed, which every real disk allows.
        options = f"lowerdir={lower},upperdir={self._changes},workdir={work},redirect_dir=on"
        run_step("mount", "-t", "overlay", "-o", options, "authsvc-tests", self.root)


class Entry(NamedTuple):
    """What a listing shows of a file; `content` is its SHA-256, or the target of a link."""

    kind: str
    mode: int
    uid: int
    gid: int
    size: int
    content: str
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> Self:
        """Return the state of a file, link or folder now."""
        of = path.lstat()
        kind, content = KINDS[stat.S_IFMT(of.st_mode)], ""
        if kind == "file":
            content = digest_of(path, (of.st_dev, of.st_ino, of.st_size, of.st_mtime_ns, of.st_ctime_ns))
        elif kind == "link":
            content = str(path.readlink())
        # A folder's size depends on the file system: it differs once an overlay has copied the folder up.
        size = 0 if kind == "folder" else of.st_size
        return cls(kind, stat.S_IMODE(of.st_mode), of.st_uid, of.st_gid, size, content, of.st_mtime_ns)


@functools.cache
def digest_of(path: Path, _state: tuple[int, ...]) -> str:
    """Return the SHA-256 of a file, read once for each state: tests list the hundreds of megabytes of a release twice.

    The time of the last change of the inode, which is part of the state, changes with every write.
    """
    return hashlib.sha256(path.read_bytes()).hexdigest()
