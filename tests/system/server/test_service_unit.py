"""The service's surroundings: its socket, its user, its folders, its lines in the journal."""

import json
import os
from collections.abc import Iterator

import pytest

from tests.support.server.disk import Layers
from tests.support.server.machine import Machine, booted
from tests.support.stack import wait_until

SOCKET = "/run/authsvc/authsvc.sock"
NO_CONNECTION = 7
"""curl's exit status for a refused connection."""
SEND_GARBAGE = f"""
import socket
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect("{SOCKET}")
    connection.sendall(b"garbage\\r\\n\\r\\n")
    print(connection.recv(1000))
"""
WARNING = 4
ERROR = 3


@pytest.fixture(scope="module")
def machine(installed: Layers) -> Iterator[Machine]:
    with booted(installed) as made:
        yield made


def connects(machine: Machine, user: str) -> bool:
    command = ("curl", "-sS", "-o", "/dev/null", "--unix-socket", SOCKET, "http://authsvc/healthz")
    done = machine.run(*command, user=user, check=False)
    assert done.returncode in {0, NO_CONNECTION}, done.stderr
    return done.returncode == 0


def stat(machine: Machine, path: str) -> str:
    return machine.run("stat", "--format=%A %U %G", path).stdout.strip()


def journal(machine: Machine) -> list[tuple[int, str]]:
    """Return priority and text of the lines that the service itself wrote."""
    command = ("journalctl", "--unit=authsvc.service", "--output=json", "--no-pager")
    entries = map(json.loads, machine.run(*command).stdout.splitlines())
    return [(int(entry["PRIORITY"]), entry["MESSAGE"]) for entry in entries if entry["_TRANSPORT"] == "stdout"]


def wait_for(machine: Machine, priority: int, words: str) -> None:
    wait_until(
        lambda: any(found == priority and words in text for found, text in journal(machine)),
        f"{words!r} is in the journal as {priority}",
    )


def test_socket_belongs_to_the_service_and_its_group(machine: Machine) -> None:
    assert stat(machine, SOCKET) == "srw-rw---- authsvc authsvc"
    # A program that could replace the socket would get all tokens.
    assert stat(machine, "/run/authsvc") == "drwxr-xr-x root root"


@pytest.mark.parametrize(("user", "is_let_in"), [("www-data", True), ("nobody", False), ("root", True)])
def test_socket_lets_in(machine: Machine, user: str, is_let_in: bool) -> None:  # noqa: FBT001 — a parameter of pytest's
    assert connects(machine, user) is is_let_in


def test_nginxs_user_is_in_the_services_group_but_not_the_reverse(machine: Machine) -> None:
    assert machine.run("id", "-nG", "www-data").stdout.split() == ["www-data", "authsvc"]
    assert machine.run("id", "-nG", "authsvc").stdout.split() == ["authsvc"]


def test_services_user_cannot_log_in(machine: Machine) -> None:
    name, password, _, _, _, home, shell = machine.run("getent", "passwd", "authsvc").stdout.strip().split(":")
    assert (name, home, shell) == ("authsvc", "/var/lib/authsvc", "/usr/sbin/nologin")
    assert machine.run("getent", "shadow", "authsvc").stdout.split(":")[1].startswith("!"), password


def test_folders_have_their_owners_and_modes(machine: Machine) -> None:
    assert stat(machine, "/var/lib/authsvc") == "drwxr-s--- authsvc authsvc"
    # certbot writes there as root, and nginx reads there.
    assert stat(machine, "/var/lib/authsvc-acme") == "drwxr-xr-x root root"


def test_service_runs_as_its_user_without_any_capability(machine: Machine) -> None:
    pid = machine.run("systemctl", "show", "authsvc.service", "-P", "MainPID").stdout.strip()
    lines = machine.path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    status = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    assert {status[f"Cap{which}"] for which in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    uid = machine.run("id", "-u", "authsvc").stdout.strip()
    assert status["Uid"].split() == [uid] * 4


def test_unit_limits_memory_and_threads_and_survives_a_killed_decoder(machine: Machine) -> None:
    def shown(name: str) -> str:
        return machine.run("systemctl", "show", "authsvc.service", "-P", name).stdout.strip()

    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0.7 * pages < int(shown("MemoryMax")) < 0.8 * pages
    assert (shown("TasksMax"), shown("LimitCORE")) == ("1024", "0")
    # By default the service would be stopped with the decoder.
    assert shown("OOMPolicy") == "continue"


def test_warnings_are_warnings_in_the_journal(machine: Machine) -> None:
    assert "400 Bad Request" in machine.run("python3", "-c", SEND_GARBAGE).stdout
    wait_for(machine, WARNING, "Invalid HTTP request received.")


def test_reason_of_a_failed_start_is_an_error_in_the_journal(server: Machine) -> None:
    server.shell("echo 'port = 0' >>/etc/authsvc/authsvc.toml")
    assert server.run("systemctl", "restart", "authsvc.service", check=False).returncode != 0
    wait_for(server, ERROR, "setting port = 0 (file)")


def test_service_creates_what_is_missing_in_its_folder(server: Machine) -> None:
    server.shell("systemctl stop authsvc.socket authsvc.service; rm -r /var/lib/authsvc/*; systemctl start authsvc")
    assert connects(server, "www-data")
    for folder in ("blobs", "blobs/7b", "nginx", "run"):
        assert stat(server, f"/var/lib/authsvc/{folder}") == "drwxr-s--- authsvc authsvc"
    assert stat(server, "/var/lib/authsvc/tmp") == "drwx--S--- authsvc authsvc"
    assert stat(server, "/var/lib/authsvc/catalog") == "drwx------ authsvc authsvc"
