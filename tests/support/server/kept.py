"""What machines have made, kept for later test runs: changes on a disk, and built releases."""

import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.support.server.cache import borrowed, prune
from tests.support.server.checkout import SOURCE, checkout_files
from tests.support.server.debian import debian_release, debian_root
from tests.support.server.machine import Machine
from tests.support.server.steps import run_step

INSTALLABLE = (
    *("Makefile", "install.mk", "pyproject.toml", "README.md", "LICENSE", "docs/authsvc.1"),
    *("authsvc/", "completions/", "nginx/", "requirements/", "scripts/", "systemd/"),
)
"""What `make install` reads in a checkout; the release is built where there is nothing else."""
KEPT = 4
"""How many of a kind stay in the cache, for all checkouts together."""
BUILD_SECONDS = 300


@contextmanager
def kept(kind: str, facts: Iterable[str | bytes], fill: Callable[[Path], None]) -> Iterator[Path]:
    """Give the folder that `fill` makes, or made in an earlier run; `facts` are all that its content depends on.

    Debian's packages are always one of the facts.
    """
    digest = hashlib.sha256((debian_root() / "var/lib/dpkg/status").read_bytes())
    for fact in facts:
        digest.update(hashlib.sha256(fact if isinstance(fact, bytes) else fact.encode()).digest())
    prefix = f"{kind}-{debian_release()}-"
    with borrowed(f"{prefix}{digest.hexdigest()[:16]}", fill) as folder:
        prune(prefix, keep=KEPT)
        yield folder


def installable() -> list[str]:
    """Return the names of the files that an installation reads."""
    return sorted(name for name in checkout_files() if name.startswith(INSTALLABLE))


def file_facts(names: Iterable[str | Path]) -> Iterator[bytes]:
    """Return a fact for each file of the checkout: its name, mode and content."""
    for name in names:
        path = SOURCE / name
        yield f"{path.relative_to(SOURCE)}\0{path.stat().st_mode & 0o111}\0".encode() + path.read_bytes()


def this_month() -> str:
    """Return a fact for what contains a certificate, which is valid for 90 days: it is made again each month."""
    return f"{datetime.now(UTC):%Y-%m}"


def keep_changes(machine: Machine, layer: Path) -> None:
    """Copy what a machine has changed on its disk since its last snapshot, to make a layer of other disks."""
    changes = machine.snapshot().folders[0]
    # When a timer last ran: a boot days later would otherwise run the missed ones at once.
    shutil.rmtree(changes / "var/lib/systemd/timers", ignore_errors=True)
    # With the attributes and devices in which an overlay keeps what was removed or renamed.
    run_step("cp", "--archive", f"{changes}/.", layer)


@contextmanager
def built_release(
    kind: str,
    facts: Iterable[str | bytes],
    put: Callable[[Machine], None],
    place: str,
    *,
    prefix: str = "/usr/local",
    binds: Mapping[Path, str] | None = None,
    wheels: str = "/wheels",
) -> Iterator[Path]:
    """Give a folder with the release that a checkout installs, for tests that have another subject than building it.

    `put` puts the checkout into a machine, at `place`. See put_release.
    """

    def build(folder: Path) -> None:
        with Machine(binds=binds) as machine:
            put(machine)
            checkout = machine.listing(place)
            command = f"cd {place}; exec scripts/install-release {prefix}/lib/authsvc"
            machine.chroot("sh", "-ec", command, env={"PIP_FIND_LINKS": wheels}, timeout=BUILD_SECONDS)
            assert machine.listing(place) == checkout
            run_step("cp", "--archive", f"{machine.path(prefix)}/lib/authsvc/releases/.", folder)

    with kept(kind, [place, prefix, *facts], build) as folder:
        yield folder


def put_release(machine: Machine, releases: Path, *, prefix: str = "/usr/local") -> None:
    """Copy built releases into a machine: `make install` then does everything but build them."""
    place = machine.path(f"{prefix}/lib/authsvc/releases")
    place.mkdir(parents=True, exist_ok=True)
    run_step("cp", "--archive", f"{releases}/.", place)
