"""The Debian that machines boot from: built once by debootstrap and kept outside the checkout."""

import functools
import hashlib
import os
import platform
import re
import shutil
from pathlib import Path

from tests.support.server.cache import cached
from tests.support.server.rights import require_rights
from tests.support.server.steps import run_step

VARIABLE = "TEST_DEBIAN"
"""The environment variable that chooses the release by its codename."""
RELEASES = ("bookworm", "trixie")
"""Debian 12 (Python 3.11, nginx 1.22, systemd 252) and 13 (Python 3.13, nginx 1.26, systemd 257)."""
PACKAGES = (
    # What docs/operations.md asks for.
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
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


def debian_release() -> str:
    """Return the codename of the Debian that the tests boot.

    Raises:
        RuntimeError: The variable names another one.
    """
    release = os.environ.get(VARIABLE) or RELEASES[0]
    if release not in RELEASES:
        message = f"{VARIABLE}={release}: the server tests know {' and '.join(RELEASES)}"
        raise RuntimeError(message)
    return release


@functools.cache
def debian_root() -> Path:
    """Return a folder with a minimal Debian, which all checkouts share: never write in it.

    It holds the packages that the product's documentation asks for.

    Raises:
        RuntimeError: This computer cannot build or boot it.
    """
    require_rights()
    release = debian_release()
    recipe = repr((release, platform.machine(), PACKAGES, HOSTS, FINISH))
    name = f"debian-{release}-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"
    return cached(name, lambda folder: _build(folder, release))


def _build(root: Path, release: str) -> None:
    mirrors = _mirrors(release)
    # In a mount namespace of its own, so that nothing stays mounted if it is interrupted.
    private = ("unshare", "--mount", "--propagation", "private", "--")
    run_step(*private, "debootstrap", "--variant=minbase", "--include=ca-certificates", release, root, mirrors[release])
    sources = "".join(f"deb {uri} {suite} main\n" for suite, uri in mirrors.items())
    (root / "etc/apt/sources.list").write_text(sources, "utf-8")
    (root / "etc/apt/apt.conf.d/99host").write_text(_network_settings(root), "utf-8")
    (root / "etc/resolv.conf").write_bytes(Path("/etc/resolv.conf").read_bytes())
    inside = ("sh", "-ec", 'mount -t proc proc "$0/proc"; exec chroot "$@"', root, root, "sh", "-ec")
    run_step(*private, *inside, "apt-get -qq update")
    run_step(*private, *inside, FINISH, "sh", *PACKAGES)
    (root / "etc/hosts").write_text(HOSTS, "utf-8")


def _mirrors(release: str) -> dict[str, str]:
    """Return where this computer's own apt finds the suites of a release.

    A mirror has all releases, so that of this computer's own release serves for the other one.
    """
    found = re.findall(
        r"^'(\S+?)/?/dists/([^/']+)/InRelease'", run_step("apt-get", "--print-uris", "update"), re.MULTILINE
    )
    mirrors: dict[str, str] = {}
    for name in (platform.freedesktop_os_release().get("VERSION_CODENAME", release), release):
        for suffix in ("", "-updates", "-security"):
            mirrors |= {f"{release}{suffix}": uri for uri, suite in reversed(found) if suite == f"{name}{suffix}"}
    if release not in mirrors or platform.freedesktop_os_release().get("ID") != "debian":
        message = f"apt's sources on this computer have no Debian {release}, so debootstrap has nothing to build from"
        raise RuntimeError(message)
    return mirrors


def _network_settings(root: Path) -> str:
    """Return how this computer's apt reaches its mirrors: proxies, retries, authorities."""
    dump = run_step("apt-config", "dump").splitlines()
    lines = [line for line in dump if line.startswith("Acquire::") and "IndexTargets" not in line]
    if CA_BUNDLE.exists():
        shutil.copy(CA_BUNDLE, root / "host-ca.crt")
        lines.append('Acquire::https::CAInfo "/host-ca.crt";')
    return "\n".join([*lines, ""])
