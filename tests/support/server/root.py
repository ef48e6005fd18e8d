"""The Debian that machines boot from, built once and kept outside the checkout, and their disks."""

import fcntl
import functools
import hashlib
import os
import platform
import re
import shutil
import signal
import stat
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

from tests.support.stack import wait_until

PACKAGES = (
    # What the operations page asks of a server.
    *("ca-certificates", "certbot", "curl", "git", "make", "nginx", "openssl", "python3-certbot-nginx", "python3-venv"),
    # What every server has.
    *("bash-completion", "dbus", "iproute2", "logrotate", "procps", "systemd", "systemd-sysv"),
)
HOSTS = """\
127.0.0.1 localhost
::1 localhost ip6-localhost ip6-loopback
127.0.0.1 img.example.com www.img.example.com pics.example.org blog.example.com
"""
FINISH = """\
DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "$@"
apt-get clean
rm -rf /var/lib/apt/lists/* /var/log/*.log /var/log/apt /etc/resolv.conf /etc/apt/apt.conf.d/99host /host-ca.crt
"""
PROGRAMS = {
    "apt-get": "apt",
    "debootstrap": "debootstrap",
    "systemd-nspawn": "systemd-container",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "unshare": "util-linux",
    "chroot": "coreutils",
    "mount": "mount",
    "umount": "mount",
}
BUILD_SECONDS = 900
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
CAP_SYS_ADMIN = 21
PREFIX = "asm-"
"""A machine is called by it, the process that runs its test, and something random."""
KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "folder",
    stat.S_IFLNK: "link",
    stat.S_IFSOCK: "socket",
    stat.S_IFIFO: "pipe",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


def require_rights() -> None:
    """Return if this computer can boot machines.

    Raises:
        RuntimeError: It cannot; the message lists all that is missing and how to get it.
    """
    missing = [
        f"the program {program}: apt-get install {package}"
        for program, package in PROGRAMS.items()
        if shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin") is None
    ]
    if os.geteuid() != 0:
        missing.append("root: run the tests as root")
    elif not _effective_capabilities() >> CAP_SYS_ADMIN & 1:
        missing.append("the right to mount (CAP_SYS_ADMIN): run the tests outside a container, or in a privileged one")
    if "overlay" not in Path("/proc/filesystems").read_text("utf-8").split():
        missing.append("the overlay file system: modprobe overlay")
    if missing:
        message = "tests that boot a Debian need what this computer lacks:\n" + "\n".join(
            f"- {what}" for what in missing
        )
        raise RuntimeError(message)


def cache() -> Path:
    """Return the folder for what is expensive to make and the same for all checkouts."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "authsvc-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def cached(name: str, fill: Callable[[Path], None]) -> Path:
    """Return the cached folder of that name; the first caller has `fill` make it.

    Others wait meanwhile. What was interrupted is begun anew, never taken for whole.
    """
    folder, unfinished = cache() / name, cache() / f"{name}.unfinished-{os.getpid()}"
    with (cache() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            for left in cache().glob(f"{name}.unfinished-*"):
                shutil.rmtree(left, ignore_errors=True)
            unfinished.mkdir()
            fill(unfinished)
            unfinished.rename(folder)
    return folder


@functools.cache
def debian_root() -> Path:
    """Return a folder with a minimal Debian of this computer's own release.

    It holds the packages that the product's documentation asks for and is shared
    by all checkouts: never write in it.

    Raises:
        RuntimeError: This computer cannot build or boot it.
    """
    require_rights()
    release = platform.freedesktop_os_release()["VERSION_CODENAME"]
    recipe = repr((release, platform.machine(), PACKAGES, HOSTS, FINISH))
    name = f"debian-{release}-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"
    return cached(name, lambda folder: _build(folder, release))


@dataclass(frozen=True)
class Layers:
    """What a disk starts from: folders that nobody writes in any more, the topmost first."""

    folders: tuple[Path, ...]


class Disk:
    """A copy on write of `layers`, kept in memory below `folder` and seen in `root`."""

    def __init__(self, folder: Path, layers: Layers) -> None:
        self.folder = folder
        self.root = folder / "root"
        self._layers = layers
        _call("mount", "-t", "tmpfs", "-o", "mode=0755", "authsvc-tests", folder)
        try:
            self.root.mkdir()
            self._mount()
        except BaseException:
            _call("umount", folder)
            raise

    def freeze(self) -> Layers:
        """Return what is on the disk now; later writes leave it as it is. It lasts until `close`."""
        _call("umount", self.root)
        self._layers = Layers((self._changes, *self._layers.folders))
        self._mount()
        return self._layers

    def close(self) -> None:
        """Unmount and forget everything."""
        _call("umount", self.root)
        _call("umount", self.folder)

    def _mount(self) -> None:
        self._changes, work = (self.folder / f"{what}-{len(self._layers.folders)}" for what in ("changes", "work"))
        self._changes.mkdir()
        work.mkdir()
        lower = ":".join(str(folder) for folder in self._layers.folders)
        # redirect_dir: without it a folder of a lower layer cannot be renamed, as on no real disk.
        options = f"lowerdir={lower},upperdir={self._changes},workdir={work},redirect_dir=on"
        _call("mount", "-t", "overlay", "-o", options, "authsvc-tests", self.root)


class Entry(NamedTuple):
    """What can be seen of a file; `content` is its SHA-256, or the target of a link."""

    kind: str
    mode: int
    uid: int
    gid: int
    size: int
    content: str
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> Self:
        """Return what is to be seen of a file, link or folder now."""
        of = path.lstat()
        kind, content = KINDS[stat.S_IFMT(of.st_mode)], ""
        if kind == "file":
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        elif kind == "link":
            content = str(path.readlink())
        # A folder's size is the file system's affair: it differs once an overlay has copied it up.
        size = 0 if kind == "folder" else of.st_size
        return cls(kind, stat.S_IMODE(of.st_mode), of.st_uid, of.st_gid, size, content, of.st_mtime_ns)


def control_groups(name: str) -> list[Path]:
    """Return where the control groups of that name are, or would be, under each layout that systemd knows."""
    roots = [Path("/sys/fs/cgroup", layout) for layout in ("", "unified", "systemd")]
    return [root / name for root in roots if (root / "cgroup.procs").exists()]


def remove_group(group: Path) -> None:
    """Remove a control group when its last process is gone."""

    def is_removed() -> bool:
        with suppress(OSError):
            for folder, _, _ in os.walk(group, topdown=False):
                Path(folder).rmdir()
        return not group.exists()

    wait_until(is_removed, f"no process in {group}", seconds=60)


def sweep() -> None:
    """Remove the machines of test runs that were killed before they could."""
    with (cache() / "sweep.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for folder in Path("/tmp").glob(f"{PREFIX}[0-9]*-*"):
            if not Path("/proc", folder.name.split("-")[1]).exists():
                _sweep(folder)


def _sweep(folder: Path) -> None:
    for group in control_groups(folder.name):
        for processes in group.rglob("cgroup.procs"):
            for pid in processes.read_text("utf-8").split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
        if group.exists():
            remove_group(group)
    if folder.is_mount():
        _call("umount", "--recursive", folder)
    folder.rmdir()


def _build(root: Path, release: str) -> None:
    mirrors = _mirrors(release)
    # In a mount namespace of its own, so that nothing stays mounted if it is interrupted.
    private = ("unshare", "--mount", "--propagation", "private", "--")
    _call(*private, "debootstrap", "--variant=minbase", "--include=ca-certificates", release, root, mirrors[release])
    sources = "".join(f"deb {uri} {suite} main\n" for suite, uri in mirrors.items())
    (root / "etc/apt/sources.list").write_text(sources, "utf-8")
    (root / "etc/apt/apt.conf.d/99host").write_text(_network_settings(root), "utf-8")
    (root / "etc/resolv.conf").write_bytes(Path("/etc/resolv.conf").read_bytes())
    inside = ("sh", "-ec", 'mount -t proc proc "$0/proc"; exec chroot "$@"', root, root, "sh", "-ec")
    _call(*private, *inside, "apt-get -qq update")
    _call(*private, *inside, FINISH, "sh", *PACKAGES)
    (root / "etc/hosts").write_text(HOSTS, "utf-8")


def _mirrors(release: str) -> dict[str, str]:
    """Return where this computer's own apt finds the release and its updates."""
    found = re.findall(
        r"^'(\S+?)/?/dists/([^/']+)/InRelease'", _call("apt-get", "--print-uris", "update"), re.MULTILINE
    )
    wanted = (release, f"{release}-updates", f"{release}-security")
    mirrors = {suite: uri for uri, suite in reversed(found) if suite in wanted}
    if release not in mirrors:
        message = f"apt's sources on this computer have no {release}, so debootstrap has nothing to build from"
        raise RuntimeError(message)
    return mirrors


def _network_settings(root: Path) -> str:
    """Return how this computer's apt reaches its mirrors: proxies, retries, authorities."""
    dump = _call("apt-config", "dump").splitlines()
    lines = [line for line in dump if line.startswith("Acquire::") and "IndexTargets" not in line]
    if CA_BUNDLE.exists():
        shutil.copy(CA_BUNDLE, root / "host-ca.crt")
        lines.append('Acquire::https::CAInfo "/host-ca.crt";')
    return "\n".join([*lines, ""])


def _call(*command: str | Path) -> str:
    """Run a step of the build and return its output; a failed one says why."""
    environment = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    environment |= {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
    done = subprocess.run(
        [str(word) for word in command],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="backslashreplace",
        timeout=BUILD_SECONDS,
        check=False,
    )
    if done.returncode:
        message = f"{' '.join(map(str, command))} failed with {done.returncode}:\n{done.stdout[-4000:]}"
        raise RuntimeError(message)
    return done.stdout


def _effective_capabilities() -> int:
    return int(Path("/proc/self/status").read_text("utf-8").partition("CapEff:")[2].split()[0], 16)


if __name__ == "__main__":
    print(debian_root())
