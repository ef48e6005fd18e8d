"""certbot's nginx plug-in, which edits the site file and reloads nginx."""

import sys
from collections.abc import Iterator

import pytest

from tests.support.server.browser import ALLOWED, STRANGER, curl, read, upload
from tests.support.server.certificates import (
    AUTHORITY,
    TEST_AUTHORITY,
    certificate_findings,
    complaints,
    run_certbot,
    served_serial,
    start_authority,
    stop_authority,
)
from tests.support.server.checkout import PLACE
from tests.support.server.disk import Layers
from tests.support.server.installed import changed_layers
from tests.support.server.machine import Machine, booted
from tests.support.stack import wait_until

HTTPS = "https://img.example.com"
SITE = "/etc/nginx/sites-available/authsvc.conf"
KEPT = f"{SITE} was edited and is kept"
BOTH = "-d img.example.com -d pics.example.org"
INSTALL_SECONDS = 300


@pytest.fixture(scope="module")
def edited_disk(installed: Layers) -> Iterator[Layers]:
    """The disk of a server on which the plug-in edited the site file and no other file of nginx."""
    with changed_layers(installed, "edited", edit_site, sys.modules[__name__], *TEST_AUTHORITY) as layers:
        yield layers


def edit_site(machine: Machine) -> None:
    folders = ("/etc/nginx", "/etc/authsvc", "/var/lib/authsvc-acme")
    authority = start_authority(machine)
    before = machine.listing(*folders)
    run_certbot(machine, f"certbot --nginx {BOTH} --redirect")
    stop_authority(authority)
    after = machine.listing(*folders)
    changed = [path for path in before.keys() | after.keys() if before.get(path) != after.get(path)]
    assert [path for path in changed if path not in before or before[path].kind != "folder"] == [SITE]
    assert "managed by Certbot" in machine.path(SITE).read_text("utf-8")
    wait_until(lambda: served_serial(machine), "nginx serves HTTPS", seconds=30)


@pytest.fixture
def edited(edited_disk: Layers) -> Iterator[Machine]:
    """Such a server, for one test."""
    with booted(edited_disk) as machine:
        yield machine


def assert_works(machine: Machine) -> None:
    for host in ("img.example.com", "pics.example.org"):
        url = upload(machine, f"https://{host}", cacert=AUTHORITY).replace(HTTPS, f"https://{host}")
        assert read(machine, url, ALLOWED, cacert=AUTHORITY) == (200, True)
        assert read(machine, url, STRANGER, cacert=AUTHORITY) == (403, False)
        answer = curl(machine, f"http://{host}/a?b=%2F")
        assert (answer.status, answer.headers["location"]) == (301, f"https://{host}/a?b=%2F")


def test_edited_site_works_and_later_installations_do_not_change_it(edited: Machine) -> None:
    assert complaints(edited) == []
    assert_works(edited)
    text = edited.path(SITE).read_bytes()
    assert KEPT in edited.run("authsvc", "nginx", "install").stdout
    before = edited.listing("/etc", "/usr/local", "/var/lib/authsvc-acme")
    assert KEPT in edited.run("make", "install", cwd=PLACE, timeout=INSTALL_SECONDS).stdout
    assert edited.listing("/etc", "/usr/local", "/var/lib/authsvc-acme") == before
    assert edited.path(SITE).read_bytes() == text
    assert complaints(edited) == []
    assert_works(edited)


def test_plug_in_renews_its_certificate(edited: Machine) -> None:
    before = served_serial(edited)
    text = edited.path(SITE).read_bytes()
    start_authority(edited)
    edited.run("certbot", "renew", "--force-renewal", "--no-random-sleep-on-renew")
    wait_until(lambda: served_serial(edited) != before, "nginx serves the new certificate", seconds=30)
    assert edited.path(SITE).read_bytes() == text
    assert_works(edited)


def test_uninstalling_keeps_the_edited_site_for_the_next_installation(edited: Machine) -> None:
    text = edited.path(SITE).read_bytes()
    said = edited.run("authsvc", "nginx", "uninstall").stdout
    assert f"the site file was edited, so it is kept as {SITE}, switched off" in said
    assert edited.path(SITE).read_bytes() == text
    edited.run("nginx", "-t")
    wait_until(lambda: not served_serial(edited), "nginx no longer serves HTTPS", seconds=30)
    assert "Welcome to nginx" in edited.run("curl", "-sS", "http://img.example.com/").stdout
    assert KEPT in edited.run("authsvc", "nginx", "install").stdout
    assert edited.path(SITE).read_bytes() == text
    wait_until(lambda: served_serial(edited), "nginx serves HTTPS again", seconds=30)
    assert complaints(edited) == []
    assert_works(edited)


def test_doctor_names_the_command_that_adds_a_domain_to_the_plug_ins_certificate(server: Machine) -> None:
    start_authority(server)
    run_certbot(server, "certbot --nginx -d img.example.com --redirect")
    wait_until(lambda: served_serial(server), "nginx serves HTTPS", seconds=30)
    found, status = certificate_findings(server)
    assert (status, found["text"]) == (1, "it does not cover pics.example.org; it covers img.example.com")
    run_certbot(server, found["fix"])
    wait_until(lambda: complaints(server) == [], "the doctor finds nothing wrong", seconds=30)
    assert_works(server)
