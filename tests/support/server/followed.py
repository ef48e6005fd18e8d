"""A server after the steps of docs/operations.md, from its beginning up to the doctor."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.server import acme, acme_authority, acme_keys, container, operations_page
from tests.support.server.certificates import TEST_AUTHORITY, start_authority, stop_authority
from tests.support.server.checkout import SOURCE
from tests.support.server.container import leave_only
from tests.support.server.debian import debian_root
from tests.support.server.disk import Layers
from tests.support.server.kept import file_facts, installable, keep_changes, kept, this_month
from tests.support.server.machine import Machine
from tests.support.server.operations_page import PAGE, answer_certbot, clone, follow, take

GET_PACKAGES = take("## What you need")
INSTALL = take("## Install", "make install")
GET_CERTIFICATE = take("## Install", "certbot")
ADD = take("## Install", "authsvc site")
EXAMINE = take("## Install", "authsvc doctor")
EVERY_DEBIAN_SERVER = ["dbus", "systemd-sysv"]
ACME = [str(module.__file__) for module in (acme, acme_authority, acme_keys)]
HELPERS = [__file__, *(str(module.__file__) for module in (*TEST_AUTHORITY, container, operations_page))]


@contextmanager
def followed_layers() -> Iterator[Layers]:
    """Give the disk of a server that has only the packages of the page, after the steps.

    The output of the steps is in /root/said, the token in /root/token.
    """
    facts = file_facts([PAGE, *HELPERS, *cloned()])
    with kept("followed", [this_month(), *facts], follow_steps) as layer:
        yield Layers((layer, debian_root()))


def named_packages() -> list[str]:
    """Return the packages that the page installs."""
    lines = [line for line in GET_PACKAGES.splitlines() if " install " in line]
    return [word for line in lines for word in line.partition(" install ")[2].split() if not word.startswith("-")]


def cloned() -> list[str]:
    """Return the files of the checkout that the steps need: what is installed, and the test authority."""
    return [*installable(), *(str(Path(path).relative_to(SOURCE)) for path in ACME)]


def follow_steps(layer: Path) -> None:
    """Follow the page in a machine, and keep the changes on its disk."""
    with Machine() as machine:
        leave_only(machine, [*named_packages(), *EVERY_DEBIAN_SERVER])
        machine.boot()
        clone(machine, cloned())
        answer_certbot(machine)
        said = follow(machine, INSTALL)
        authority = start_authority(machine)
        said += follow(machine, GET_CERTIFICATE)
        stop_authority(authority)
        added = follow(machine, ADD)
        machine.path("/root/token").write_text(added.splitlines()[-1], "ascii")
        said += added + follow(machine, EXAMINE)
        machine.path("/root/said").write_text(said, "utf-8")
        keep_changes(machine, layer)
