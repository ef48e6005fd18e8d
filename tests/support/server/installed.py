"""A disk with authsvc installed, made once for each content of what an installation copies."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from tests.support.server import visits
from tests.support.server.checkout import PLACE, put_checkout, put_files
from tests.support.server.debian import debian_root
from tests.support.server.disk import Layers
from tests.support.server.kept import built_release, file_facts, installable, keep_changes, kept, this_month
from tests.support.server.machine import Machine, booted

DOMAIN = "DOMAIN=img.example.com pics.example.org"
NEWER = "echo '# A new version.' >>authsvc/service/main.py"
"""A shell command that makes a checkout that of a newer version."""


@contextmanager
def installed_layers() -> Iterator[Layers]:
    """Give the disk of a server with authsvc, a token in /root/token, and blog.example.com as a site.

    The output of the installation is in /root/install.log, and the state of the
    units right after it in /root/units.log. The checkout is in /root/authsvc.
    """
    with kept("installed", _facts(), _install) as layer, Machine(base=Layers((layer, debian_root()))) as machine:
        # Also what no installation reads, such as the tests and the documents.
        put_checkout(machine)
        yield machine.snapshot()


@contextmanager
def changed_layers(
    installed: Layers, kind: str, change: Callable[[Machine], None], *sources: ModuleType
) -> Iterator[Layers]:
    """Give the disk of such a server after `change`, which depends on the code of `sources`.

    What it makes is kept for at most a month.
    """

    def fill(layer: Path) -> None:
        with booted(installed) as machine:
            change(machine)
            keep_changes(machine, layer)

    facts: list[str | bytes] = [
        this_month(),
        *_facts(),
        *file_facts(str(module.__file__) for module in sources),
    ]
    with kept(kind, facts, fill) as layer:
        yield Layers((layer, *installed.folders))


def _facts() -> Iterator[bytes]:
    """Return all that an installation depends on."""
    return file_facts([__file__, visits.__file__, *installable()])


def built(installed: Layers) -> Path:
    """Return the folder with the built release of `installed_layers`; see put_release."""
    at = "usr/local/lib/authsvc"
    (layer,) = [folder for folder in installed.folders if (folder / at / "current").is_symlink()]
    return layer / at / "releases"


@contextmanager
def newer_release() -> Iterator[Path]:
    """Give a folder with the release of the checkout after the command NEWER."""

    def put(machine: Machine) -> None:
        put_files(machine, installable())
        machine.chroot("sh", "-ec", f"cd {PLACE}; {NEWER}")

    with built_release("newer", [NEWER, *file_facts(installable())], put, PLACE) as folder:
        yield folder


def _install(layer: Path) -> None:
    with Machine() as machine:
        put_files(machine, installable())
        machine.boot()
        machine.path("/root/install.log").write_text(visits.install(machine, DOMAIN), "utf-8")
        machine.shell(f"systemctl is-active {' '.join(visits.UNITS)} >/root/units.log")
        visits.prepare(machine)
        keep_changes(machine, layer)


if __name__ == "__main__":
    with installed_layers() as layers:
        print(layers.folders[1])
