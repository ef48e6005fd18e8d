"""A captured service writes a hostile list of sites, which a program of root reads."""

from collections.abc import Iterator

import pytest

from tests.support.server.disk import Layers
from tests.support.server.machine import Machine, booted
from tests.support.stack import wait_until

RUN = "/var/lib/authsvc/run"
MAP = "/etc/nginx/authsvc/authsvc-sites.conf"
UNIT = "authsvc-sites.service"
SECRET = "$y$j9T$a-hash-that-is-nobodys-business"
PICTURE = "http://img.example.com/00/000000000000000000000000000000.png"
EFFECT_SECONDS = 30.0
"""A refused list is tried again after 5 s."""
HEADER = "# authsvc sites, revision 99"
HOSTILE = {
    "directive of nginx": rf"printf '{HEADER}\nblog.example.com 1; }}\ninclude /etc/shadow;\n' >sites.list",
    "line that is no pattern": rf"printf '{HEADER}\nblog.example.com\n../../etc/shadow\n' >sites.list",
    "no revision": r"printf 'blog.example.com\n' >sites.list",
    "no ASCII": rf"printf '{HEADER}\nbl\303\266g.example.com\n' >sites.list",
    "nothing": ": >sites.list",
    "link to a secret": "ln -s /etc/shadow sites.list",
    "pipe": "mkfifo sites.list",
    "folder": "mkdir sites.list",
    "more than any list": rf"printf '{HEADER}\n' >sites.list; truncate --size=4G sites.list",
}


@pytest.fixture(scope="module")
def machine(installed: Layers) -> Iterator[Machine]:
    with booted(installed) as made:
        # So that only the hostile lists are published.
        made.shell("systemctl stop authsvc.socket authsvc.service")
        made.shell(f"useradd victim; usermod --password '{SECRET}' victim; grep -q victim /etc/shadow")
        yield made


def publish(machine: Machine, hostile: str) -> None:
    """Write a hostile list with only the service's rights."""
    text = f"rm -rf sites.list; {HOSTILE[hostile]}; touch sites.changed"
    machine.run("sh", "-ec", text, user="authsvc", cwd=RUN)


def journal(machine: Machine) -> str:
    return machine.run("journalctl", f"--unit={UNIT}", "--output=cat", "--no-pager").stdout


def verdict(machine: Machine, site: str) -> str:
    """Return the status that a visitor of the site gets for a missing picture: 404 if the site may embed."""
    command = ("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", f"Referer: https://{site}/", PICTURE)
    return machine.run(*command).stdout


def state(machine: Machine) -> tuple[str, str]:
    """Return nginx's map, and its master process."""
    return machine.path(MAP).read_text("ascii"), machine.path("/run/nginx.pid").read_text("ascii")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_list_is_not_used_and_leaks_no_secret(machine: Machine, hostile: str) -> None:
    before = state(machine)
    publish(machine, hostile)
    machine.run("systemctl", "stop", UNIT)
    said = len(journal(machine))
    assert machine.run("systemctl", "start", UNIT, check=False).returncode != 0
    assert state(machine) == before
    assert f"{RUN}/sites.list" in journal(machine)[said:]
    assert "Traceback" not in journal(machine)
    assert SECRET not in machine.run("journalctl", "--output=cat", "--no-pager").stdout
    machine.run("nginx", "-t")
    assert (verdict(machine, "blog.example.com"), verdict(machine, "stranger.example")) == ("404", "403")


@pytest.mark.parametrize("hostile", ["link to a secret", "pipe"])
def test_next_change_replaces_a_hostile_list(machine: Machine, hostile: str) -> None:
    site = f"after-{len(hostile)}.example.com"
    said = len(journal(machine))
    publish(machine, hostile)
    wait_until(lambda: f"{RUN}/sites.list" in journal(machine)[said:], "it is refused", seconds=EFFECT_SECONDS)
    machine.shell(f"authsvc site add {site}")
    wait_until(lambda: site in state(machine)[0], "the change is in the map", seconds=EFFECT_SECONDS)
    machine.shell(f"authsvc site remove {site}")
    wait_until(lambda: site not in state(machine)[0], "the next change is in the map", seconds=EFFECT_SECONDS)


def test_restarted_service_replaces_a_hostile_list(server: Machine) -> None:
    server.shell("systemctl stop authsvc.service")
    publish(server, "pipe")
    server.shell("systemctl start authsvc.service")
    assert server.run("head", "-c", "25", f"{RUN}/sites.list").stdout == "# authsvc sites, revision"
