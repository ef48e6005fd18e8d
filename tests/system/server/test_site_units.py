"""Changes of the list of sites, from the catalog through the units to nginx's map."""

import re
import textwrap
from collections.abc import Iterator

import pytest

from tests.support.server.disk import Layers
from tests.support.server.machine import Machine, booted
from tests.support.stack import wait_until

STATE = "/var/lib/authsvc/run"
MAP = "/etc/nginx/authsvc/authsvc-sites.conf"
CONFIG = "/etc/authsvc/authsvc.toml"
PYTHON = "/usr/local/lib/authsvc/current/bin/python"
EFFECT_SECONDS = 10.0
"""A change takes effect within this time."""
# Each of the first ten starts the one-shot, more often than systemd by default allows.
CHANGES = textwrap.dedent(f"""
    import sys
    import time
    from pathlib import Path
    from authsvc.cli import main

    def run(word, number):
        sys.argv = ["authsvc", "site", word, f"loop-{{number}}.example.com"]
        try:
            main()
        except SystemExit as ending:
            assert not ending.code

    def wait_for(number):
        deadline = time.monotonic() + {EFFECT_SECONDS}
        while f"loop-{{number}}.example.com" not in Path("{MAP}").read_text():
            assert time.monotonic() < deadline, f"change {{number}} was lost"
            time.sleep(0.01)

    for number in range(60):
        run("add", number)
        if number < 10:
            wait_for(number)
    for number in range(40):
        run("remove", number)
""")
HOLD = "[Service]\nExecStartPost=/bin/sh -c 'read _ </run/hold'\n"


@pytest.fixture(scope="module")
def machine(installed: Layers) -> Iterator[Machine]:
    with booted(installed) as made:
        yield made


def mapped(machine: Machine) -> set[str]:
    """Return the hosts in nginx's map."""
    text = machine.path(MAP).read_text("ascii")
    return {host.lstrip("\\") for host in re.findall(r"^    ([^-\s]\S*) 1;$", text, re.MULTILINE)}


def listed(machine: Machine) -> set[str]:
    return set(machine.run("sed", "1d", f"{STATE}/sites.list").stdout.split())


def wait_for(machine: Machine, *, present: str = "", absent: str = "") -> None:
    wait_until(
        lambda: (not present or present in mapped(machine)) and absent not in mapped(machine),
        f"{present} is in the map, {absent} is not",
        seconds=EFFECT_SECONDS,
    )


def state_of(machine: Machine, unit: str) -> str:
    return machine.run("systemctl", "show", unit, "-P", "ActiveState").stdout.strip()


def verdict(machine: Machine, site: str) -> str:
    """Return the status that a visitor of the site gets for a missing picture: 404 if the site may embed."""
    path = "http://img.example.com/00/000000000000000000000000000000.png"
    command = ("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", f"Referer: https://{site}/", path)
    return machine.run(*command).stdout


def test_hundred_changes_in_a_loop_all_take_effect(machine: Machine) -> None:
    machine.run(PYTHON, "-I", "-c", CHANGES, env={"AUTHSVC_CONFIG": CONFIG})
    wanted = {f"loop-{number}.example.com" for number in range(40, 60)}

    def is_there() -> bool:
        return {host for host in mapped(machine) if host.startswith("loop-")} == wanted

    wait_until(is_there, "the map has the sites of the list", seconds=EFFECT_SECONDS)
    assert mapped(machine) == listed(machine) | {"img.example.com", "pics.example.org"}
    wait_until(lambda: verdict(machine, "loop-59.example.com") == "404", "nginx runs the new map")
    wait_until(lambda: verdict(machine, "loop-0.example.com") == "403", "nginx runs the new map")
    assert state_of(machine, "authsvc-sites.path") == "active"


def test_change_during_a_run_of_the_one_shot_starts_another_run(server: Machine) -> None:
    server.path("/etc/systemd/system/authsvc-sites.service.d").mkdir()
    server.path("/etc/systemd/system/authsvc-sites.service.d/hold.conf").write_text(HOLD, "ascii")
    server.shell("mkfifo /run/hold; systemctl daemon-reload; authsvc site add first.example.com")
    wait_for(server, present="first.example.com")
    assert state_of(server, "authsvc-sites.service") == "activating"
    server.shell("authsvc site add second.example.com; authsvc site remove first.example.com")
    assert server.path(f"{STATE}/sites.changed").exists()
    assert "first.example.com" in mapped(server)
    server.shell("echo go >/run/hold")
    wait_for(server, present="second.example.com", absent="first.example.com")


def test_changes_take_effect_while_the_service_is_stopped(server: Machine) -> None:
    server.shell("systemctl stop authsvc.socket authsvc.service; authsvc site add stopped.example.com")
    wait_for(server, present="stopped.example.com")
    wait_until(lambda: verdict(server, "stopped.example.com") == "404", "nginx runs the new map")
    server.shell("authsvc site remove stopped.example.com; authsvc site remove blog.example.com")
    wait_for(server, absent="stopped.example.com")
    wait_for(server, absent="blog.example.com")
    assert state_of(server, "authsvc.service") == "inactive"


def test_change_while_the_units_are_stopped_takes_effect_at_the_next_boot(server: Machine) -> None:
    server.shell("systemctl stop authsvc-sites.path; authsvc site add asleep.example.com")
    assert "asleep.example.com" not in mapped(server)
    server.reboot()
    wait_for(server, present="asleep.example.com")
