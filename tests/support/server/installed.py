"""A disk with authsvc installed, made once for each content of what an installation copies."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.server import visits
from tests.support.server.cache import borrowed, prune
from tests.support.server.checkout import SOURCE, checkout_files, put_checkout, put_files
from tests.support.server.debian import debian_release, debian_root
from tests.support.server.disk import Layers
from tests.support.server.machine import Machine
from tests.support.server.steps import run_step

DOMAIN = "DOMAIN=img.example.com pics.example.org"
INSTALLABLE = (
    *("Makefile", "install.mk", "pyproject.toml", "README.md", "LICENSE", "docs/authsvc.1"),
    *("authsvc/", "completions/", "nginx/", "requirements/", "scripts/", "systemd/"),
)
"""What `make install` reads in a checkout; the release is built where there is nothing else."""
KEPT_LAYERS = 6
"""How many installed releases stay in the cache for later runs, for all checkouts together."""


@contextmanager
def installed_layers() -> Iterator[Layers]:
    """Give the disk of a server with authsvc, a token in /root/token, and blog.example.com as a site.

    The output of the installation is in /root/install.log, and the state of the
    units right after it in /root/units.log. The checkout is in /root/authsvc.
    """
    prefix = f"installed-{debian_release()}-"
    with borrowed(f"{prefix}{_key()}", _install) as layer, Machine(base=Layers((layer, debian_root()))) as machine:
        prune(prefix, keep=KEPT_LAYERS)
        # Also what no installation reads, such as the tests and the documents.
        put_checkout(machine)
        yield machine.snapshot()


def put_release(machine: Machine, installed: Layers) -> None:
    """Copy the built release of `installed_layers` into a machine: `make install` then does everything but build it."""
    at = "usr/local/lib/authsvc"
    (layer,) = [folder for folder in installed.folders if (folder / at / "current").is_symlink()]
    machine.path(at).mkdir(exist_ok=True)
    run_step("cp", "--archive", layer / at / "releases", machine.path(at))


def _key() -> str:
    """Return a digest of all that the layer depends on: Debian's packages, these steps, and the files."""
    facts = hashlib.sha256()
    for steps in (__file__, visits.__file__):
        facts.update(Path(steps).read_bytes())
    facts.update((debian_root() / "var/lib/dpkg/status").read_bytes())
    for name in _installable():
        path = SOURCE / name
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        facts.update(f"{name}\0{path.stat().st_mode & 0o111}\0{content}\n".encode())
    return facts.hexdigest()[:16]


def _installable() -> list[str]:
    return sorted(name for name in checkout_files() if name.startswith(INSTALLABLE))


def _install(layer: Path) -> None:
    with Machine() as machine:
        put_files(machine, _installable())
        machine.boot()
        machine.path("/root/install.log").write_text(visits.install(machine, DOMAIN), "utf-8")
        machine.shell(f"systemctl is-active {' '.join(visits.UNITS)} >/root/units.log")
        visits.prepare(machine)
        machine.power_off()
        # When a timer last ran: a boot days later would otherwise run the missed ones at once.
        machine.chroot("rm", "-rf", "/var/lib/systemd/timers")
        changes = machine.snapshot().folders[0]
        # With the attributes and devices in which an overlay keeps what was removed or renamed.
        run_step("cp", "--archive", f"{changes}/.", layer)


if __name__ == "__main__":
    with installed_layers() as layers:
        print(layers.folders[1])
