"""The service's sandbox from inside: a probe runs under the service's unit instead of the service."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.server.checkout import SOURCE
from tests.support.server.disk import Layers
from tests.support.server.machine import Machine, booted

PROBE = "/usr/local/lib/sandbox_probe.py"
DROP_INS = "/etc/systemd/system/authsvc.service.d"
DOCUMENTED = "/usr/local/share/doc/authsvc"
STATE = "/var/lib/authsvc"
PRIVATE_FOLDERS = {STATE, "/tmp", "/var/tmp"}
OPENED = (
    *("/boot", "/etc", "/etc/authsvc", "/etc/nginx", "/etc/nginx/authsvc", "/home", "/home/editor", "/opt", "/run"),
    *("/run/authsvc", "/srv", "/usr/local", "/usr/local/lib/authsvc", "/var/cache", "/var/lib"),
    *("/var/lib/authsvc-acme", "/var/log", "/var/www"),
)
"""Each gets a folder in which every user may write, so that only the sandbox prevents it."""
TRAPS = f"""\
for folder in {" ".join(OPENED)}; do
    mkdir -p $folder/open
    touch $folder/open/file
    chmod 1777 $folder/open
    chmod 666 $folder/open/file
done
chmod 666 /etc/nginx/authsvc/*.conf /etc/authsvc/authsvc.toml
useradd --create-home editor
chmod 755 /home/editor /root
echo dear >/home/editor/letter
chmod 644 /home/editor/letter /root/token
cp /usr/bin/id /opt/open/root-id
chmod 4755 /opt/open/root-id
"""
NEEDED = {"Unix socket", "lower priority", "write into its state"}
NETWORK = {"connect to nginx by IPv4", "connect to nginx by IPv6", "IPv4 socket", "IPv6 socket"}
TAKEN_AWAY = NETWORK | {
    *("netlink socket", "machine socket", "see nginx", "see the kernel's own files"),
    *("list homes", "read a home's file", "read root's file", "set-user-ID", "set-group-ID", "trace"),
    *("memory to write and run", "run what was written", "change its personality", "user namespace"),
}
"""What every user of the system may do, but the service may not."""
DEVICES = {
    *("char", "fd", "full", "hugepages", "log", "mqueue", "null", "ptmx", "pts", "random", "shm"),
    *("stderr", "stdin", "stdout", "tty", "urandom", "zero"),
}


@dataclass(frozen=True)
class Report:
    """What the probe was able to do."""

    attempts: dict[str, str]
    folders: set[str]
    files: set[str]
    processes: list[int]
    own_process: int
    devices: set[str]
    user_of_set_user_id: str

    @classmethod
    def read(cls, text: str) -> "Report":
        found = json.loads(text)
        return cls(
            found["attempts"],
            set(found["writable folders"]),
            set(found["writable files"]),
            found["processes"],
            found["own process"],
            set(found["devices"]),
            found["user after a set-user-ID program"],
        )

    @property
    def done(self) -> set[str]:
        return {name for name, outcome in self.attempts.items() if outcome == "done"}


@dataclass(frozen=True)
class Reports:
    """What the probe was able to do as the service's user, as the service, and as the service with the network."""

    outside: Report
    inside: Report
    with_network: Report
    seen_in_tmp: list[str]
    conf: str
    """The folder that `/etc/nginx/authsvc` leads to: the probe does not follow links."""


@pytest.fixture(scope="module")
def reports(installed: Layers) -> Iterator[Reports]:
    with booted(installed) as machine:
        machine.shell(TRAPS)
        shutil.copy(SOURCE / "tests" / "support" / "server" / "sandbox_probe.py", machine.path(PROBE))
        conf = machine.shell("readlink -f /etc/nginx/authsvc").strip()
        nginx = machine.shell("cat /run/nginx.pid").strip()
        command = ("/usr/bin/python3", "-I", PROBE, nginx)
        outside = Report.read(machine.run(*command, "--print", user="authsvc").stdout)
        machine.shell("rm /tmp/left-by-the-probe")
        machine.path(DROP_INS).mkdir()
        machine.path(f"{DROP_INS}/probe.conf").write_text(
            f"[Service]\nExecStart=\nExecStart={' '.join(command)}\n", "ascii"
        )
        machine.shell("systemctl daemon-reload; systemctl restart authsvc")
        inside = answered(machine)
        machine.run("sh", "-ec", documented_commands(machine), cwd=DOCUMENTED)
        with_network = answered(machine)
        yield Reports(outside, inside, with_network, machine.shell("ls /tmp").split(), conf)


def answered(machine: Machine) -> Report:
    """Request the report through systemd's socket, as nginx does."""
    command = ("curl", "-sS", "--unix-socket", "/run/authsvc/authsvc.sock", "http://authsvc/")
    return Report.read(machine.run(*command, user="www-data").stdout)


def documented_commands(machine: Machine) -> str:
    """Return the commands in the drop-in's comment, which switch the network on."""
    text = machine.path(f"{DOCUMENTED}/network.conf").read_text("utf-8")
    return "\n".join(line.removeprefix("#   ") for line in text.splitlines() if line.startswith("#   "))


def test_same_user_may_do_it_without_the_sandbox(reports: Reports) -> None:
    assert reports.outside.done >= NEEDED | TAKEN_AWAY
    opened = {f"{folder.replace('/etc/nginx/authsvc', reports.conf)}/open" for folder in OPENED}
    assert opened | PRIVATE_FOLDERS <= reports.outside.folders
    assert reports.outside.user_of_set_user_id == "0"
    assert len(reports.outside.processes) > 5


def test_service_writes_only_into_its_state_folder_and_private_temporary_ones(reports: Reports) -> None:
    assert reports.inside.folders == PRIVATE_FOLDERS
    assert "left-by-the-probe" not in reports.seen_in_tmp


def test_service_cannot_write_what_nginx_includes(reports: Reports) -> None:
    included = {f"{reports.conf}/{name}" for name in ("authsvc-sites.conf", "open/file")}
    assert included | {"/etc/authsvc/authsvc.toml"} <= reports.outside.files
    assert reports.inside.files == set()


def test_service_has_no_network(reports: Reports) -> None:
    sockets = {name: outcome for name, outcome in reports.inside.attempts.items() if "socket" in name}
    assert {name for name, outcome in sockets.items() if outcome == "EAFNOSUPPORT"} == set(sockets) - {"Unix socket"}
    assert not reports.inside.done & NETWORK


def test_service_may_do_what_it_needs_and_nothing_else(reports: Reports) -> None:
    assert reports.inside.done == NEEDED
    assert reports.inside.user_of_set_user_id not in {"", "0"}


def test_service_sees_only_its_own_process(reports: Reports) -> None:
    assert reports.inside.processes == [reports.inside.own_process]


def test_service_sees_only_harmless_devices(reports: Reports) -> None:
    assert reports.inside.devices <= DEVICES


def test_drop_in_opens_only_the_network(reports: Reports) -> None:
    assert reports.with_network.done == NEEDED | NETWORK
    assert reports.with_network.folders == PRIVATE_FOLDERS
    assert reports.with_network.files == set()
    assert reports.with_network.processes == [reports.with_network.own_process]
    assert reports.with_network.devices <= DEVICES
    assert reports.with_network.user_of_set_user_id == reports.inside.user_of_set_user_id
