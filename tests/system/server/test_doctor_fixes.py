"""`authsvc doctor` finds what is wrong on a server, and the commands that it shows fix it."""

import json
from collections.abc import Iterator

import pytest

from tests.support.server.disk import Layers
from tests.support.server.machine import Machine, booted
from tests.support.server.visits import examine

OTHERS = {"certificate", "clock"}
"""There is no certificate yet, and no time server sets a machine's clock."""
EDIT_SETTINGS = """\
started=$(systemctl show authsvc.service -P ExecMainStartTimestamp --timestamp=unix)
echo 'max_upload_bytes = 4096' >>/etc/authsvc/authsvc.toml
touch --date=@$((${started#@} + 2)) /etc/authsvc/authsvc.toml"""
LATE_SITE = """\
systemctl stop authsvc-sites.path
authsvc site add late.example.com
rm /var/lib/authsvc/run/sites.changed"""
WRONG = {
    "stopped units": {
        "systemctl stop authsvc.socket authsvc.service": "authsvc.service is inactive",
        "systemctl stop nginx": "nginx does not run",
    },
    "a service that waits, a boot that would not": {
        "systemctl disable -q authsvc.socket": "authsvc.socket does not start at boot",
        EDIT_SETTINGS: "authsvc.toml has changed since the service was started",
    },
    "nginx out of step": {
        LATE_SITE: "nginx's map is at revision",
        "echo >>/etc/nginx/authsvc/snippets/verdict/shortcut.conf": "shortcut.conf differs from the settings",
        "rm /etc/nginx/sites-enabled/zz-authsvc.conf": "the site is not enabled",
        "gpasswd --delete www-data authsvc; systemctl restart nginx": "www-data may not enter",
    },
    "files that changed hands": {
        "chown -R www-data: /var/lib/authsvc/run": "/var/lib/authsvc/run belongs to www-data, not to authsvc",
        "chown root:root /var/lib/authsvc": "/var/lib/authsvc belongs to root, not to authsvc",
        "chmod 777 /var/lib/authsvc/blobs": "/var/lib/authsvc/blobs can be written by everybody",
        "rmdir /var/lib/authsvc/tmp": "/var/lib/authsvc/tmp is missing",
    },
    "a data folder from another server": {
        "chown -R 54321:54321 /var/lib/authsvc": "/var/lib/authsvc belongs to 54321, not to authsvc",
    },
}


@pytest.fixture(scope="module")
def machine(installed: Layers) -> Iterator[Machine]:
    with booted(installed) as made:
        yield made


def complaints(machine: Machine) -> list[dict[str, str]]:
    """Return what the doctor finds wrong."""
    return [found for found in examine(machine)[0] if found["state"] != "ok" and found["check"] not in OTHERS]


@pytest.mark.parametrize("what", WRONG)
def test_doctor_reports_the_error_and_its_commands_fix_it(machine: Machine, what: str) -> None:
    for command in WRONG[what]:
        machine.shell(command)
    found = complaints(machine)
    said = "\n".join(finding["text"] for finding in found)
    for text in WRONG[what].values():
        assert text in said
    for finding in found:
        machine.run("sh", "-c", finding["fix"], check=False)
    assert complaints(machine) == []
    ask = ("curl", "-fsS", "--unix-socket", "/run/authsvc/authsvc.sock", "http://authsvc/readyz")
    assert json.loads(machine.run(*ask, user="www-data").stdout)["problems"] == []
