"""Decoders on a server: attacks run in a worker's place, under the real unit; the doctor sees what the unit allows."""

import json
from collections.abc import Iterator

import pytest

from tests.support.decoder.ambush import Outcomes, lay
from tests.support.decoder.attacks import SPARE
from tests.support.server.disk import Layers
from tests.support.server.machine import Machine, booted
from tests.support.server.visits import examine, upload

STATE = "/var/lib/authsvc"
VICTIMS = f"{STATE}/blobs/00"
PICTURE = f"{VICTIMS}/{30 * '0'}.png"
OUTCOMES = f"{STATE}/run/outcomes"
SOCKET = "/run/authsvc/authsvc.sock"
MAKE_VICTIMS = f"""\
cd {VICTIMS}
echo "another's" >{PICTURE}
touch {SPARE[0]} {SPARE[1]}
mkdir {SPARE[2]}
chown authsvc: {PICTURE} {" ".join(SPARE)}
chmod 640 {PICTURE}
"""
TOKENS = f"""
import sqlite3
print([name for (name,) in sqlite3.connect("{STATE}/catalog/catalog.sqlite3").execute("SELECT name FROM tokens")])
"""
THE_UNIT_ALLOWS = {
    *("write a token into the catalog", "open the catalog for writing", "connect to a socket", "signal the service"),
    *("read another picture", "write a blob", "overwrite a picture", "move a picture", "delete a picture"),
    *("open its picture for writing", "change the mode of its picture", "start a program", "become a program", "fork"),
    "open the memory of another process",
}
"""Of what is attempted: a worker without a confinement of its own could do it, as the service can."""
DROP_IN = "/etc/systemd/system/authsvc.service.d/older.conf"
OLDER_UNIT = "[Service]\nSystemCallFilter=~seccomp landlock_create_ruleset\n"


@pytest.fixture(scope="module")
def machine(installed: Layers) -> Iterator[Machine]:
    with booted(installed) as made:
        made.shell(MAKE_VICTIMS)
        yield made


def attack(machine: Machine, *without: str) -> Outcomes:
    """Restart the service; its first worker attacks, and then decodes the upload that it was started for."""
    (modules,) = machine.path("/usr/local/lib/authsvc/releases").glob("*/lib/python3.*/site-packages")
    paths = {"catalog": f"{STATE}/catalog/catalog.sqlite3", "picture": PICTURE, "blobs": VICTIMS, "socket": SOCKET}
    # In the unit's own network there is nobody to connect to.
    lay(modules, {**paths, "abstract": "nobody", "port": 80, "outcomes": OUTCOMES, "without": without})
    # Not sitecustomize.py, because Debian has one that comes first.
    (modules / "attacks.pth").write_text("import attacks\n", "ascii")
    machine.shell(f"rm -f {OUTCOMES}; systemctl restart authsvc")
    upload(machine)
    return Outcomes.read(machine.path(OUTCOMES).read_text("utf-8"))


def tokens(machine: Machine) -> str:
    return machine.run("python3", "-c", TOKENS).stdout.strip()


def test_no_attack_succeeds_under_the_unit(machine: Machine) -> None:
    before, names = machine.listing(VICTIMS), tokens(machine)
    found = attack(machine)
    assert found.refused == found.attempts.keys()
    assert set(found.numbers.values()) == {"EPERM", "ENOSYS", "ENOTTY"}
    assert found.start_a_thread == "done"
    assert tokens(machine) == names
    assert {path: entry for path, entry in machine.listing(VICTIMS).items() if path in before} == before


def test_attacks_succeed_under_the_unit_without_the_confinement(machine: Machine) -> None:
    found = attack(machine, "landlock", "filter")
    assert found.done >= THE_UNIT_ALLOWS
    assert "'attack'" in tokens(machine)


def test_doctor_reports_the_confinement_and_a_unit_that_does_not_allow_it(server: Machine) -> None:
    assert [found["state"] for found in decoders(server)] == ["ok"]
    server.shell(f"mkdir -p {DROP_IN.rpartition('/')[0]}")
    server.path(DROP_IN).write_text(OLDER_UNIT, "ascii")
    server.shell("systemctl daemon-reload; systemctl restart authsvc")
    assert [found["state"] for found in decoders(server)] == ["error", "warning"]
    assert upload(server)
    journal = server.run("journalctl", "--unit=authsvc.service", "--output=json", "--no-pager").stdout
    lines = [json.loads(line)["MESSAGE"] for line in journal.splitlines()]
    assert len([line for line in lines if "not fully confined" in line]) == 1


def decoders(machine: Machine) -> list[dict[str, str]]:
    return [found for found in examine(machine)[0] if found["check"] == "decoders"]
