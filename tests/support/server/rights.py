"""What a computer needs to boot machines."""

import os
import shutil
from pathlib import Path

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
CAP_SYS_ADMIN = 21


def require_rights() -> None:
    """Return if this computer can boot machines.

    Raises:
        RuntimeError: It cannot; the message lists everything that is missing and how to get it.
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


def _effective_capabilities() -> int:
    return int(Path("/proc/self/status").read_text("utf-8").partition("CapEff:")[2].split()[0], 16)
