"""The service's account is the same with and without systemd's tools."""

from collections.abc import Iterator

import pytest

from tests.support.server.checkout import PLACE, put_checkout
from tests.support.server.entered import ENVIRONMENT
from tests.support.server.machine import Machine

INSTALL_ACCOUNT = f"cd {PLACE} && scripts/install-account $PWD/systemd/sysusers.conf $PWD/systemd/tmpfiles.conf"
PROGRAMS_BUT_SYSTEMDS = """\
mkdir /programs
for program in /usr/sbin/* /usr/bin/*; do
    case "$program" in */systemd-*) ;; *) ln -sf "$program" /programs/ ;; esac
done
"""
FOLDERS = ("/var/lib/authsvc", "/var/lib/authsvc-acme")


@pytest.fixture
def server() -> Iterator[Machine]:
    """A server without authsvc, switched off."""
    with Machine() as machine:
        put_checkout(machine)
        machine.chroot("sh", "-ec", PROGRAMS_BUT_SYSTEMDS)
        yield machine


def account(machine: Machine) -> list[str]:
    """Return the user's entries in the system's files, without the numbers."""
    _, _, _, _, comment, home, shell = ask(machine, "getent passwd authsvc").split(":")
    password = ask(machine, "getent shadow authsvc").split(":")[1]
    members = ask(machine, "getent group authsvc").split(":")[3]
    groups = ask(machine, "id -nG authsvc; id -nG www-data")
    assert password.startswith("!")
    return [comment, home, shell, members, groups]


def folders(machine: Machine) -> list[str]:
    return [ask(machine, f"stat -c '%F %a %U %G' {folder}") for folder in FOLDERS]


def ask(machine: Machine, command: str) -> str:
    return machine.chroot("sh", "-ec", command).stdout.strip()


def install_by_hand(machine: Machine) -> str:
    return machine.chroot("sh", "-ec", INSTALL_ACCOUNT, env={**ENVIRONMENT, "PATH": "/programs"}).stdout


def test_account_and_folders_are_the_same_without_systemds_tools(server: Machine) -> None:
    install_by_hand(server)
    with Machine() as other:
        put_checkout(other)
        ask(other, INSTALL_ACCOUNT)
        assert account(server) == account(other)
        assert folders(server) == folders(other)
    assert folders(server) == ["directory 2750 authsvc authsvc", "directory 755 root root"]
    system_users = int(ask(server, "id -u authsvc"))
    assert system_users < 1000


def test_running_it_again_changes_nothing(server: Machine) -> None:
    install_by_hand(server)
    before = server.listing("/etc", "/var/lib/authsvc", "/var/lib/authsvc-acme")
    install_by_hand(server)
    assert server.listing("/etc", "/var/lib/authsvc", "/var/lib/authsvc-acme") == before


def test_missing_folder_and_group_are_restored_for_an_existing_account(server: Machine) -> None:
    install_by_hand(server)
    wanted = folders(server)
    ask(server, f"rmdir {' '.join(FOLDERS)}; gpasswd --delete www-data authsvc")
    install_by_hand(server)
    assert folders(server) == wanted
    assert "authsvc" in ask(server, "id -nG www-data").split()
