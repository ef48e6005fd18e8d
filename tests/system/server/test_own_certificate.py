"""HTTPS with the owner's certificate files, and the doctor's findings about them."""

import sys
from collections.abc import Iterator

import pytest

from tests.support.server import certificates
from tests.support.server.browser import ALLOWED, STRANGER, curl, read, upload
from tests.support.server.certificates import (
    OWN,
    certificate_findings,
    complaints,
    make_certificate,
    served_serial,
)
from tests.support.server.checkout import PLACE
from tests.support.server.disk import Entry, Layers
from tests.support.server.installed import changed_layers
from tests.support.server.machine import Machine, booted
from tests.support.stack import wait_until

HTTPS = "https://img.example.com"
HOSTS = ("img.example.com", "pics.example.org")
INSTALL = ("make", "install", f"DOMAIN={' '.join(HOSTS)}", f"CERTIFICATE={OWN[0]}", f"CERTIFICATE_KEY={OWN[1]}")
RELOAD = ("authsvc", "nginx", "install", "--reload")


@pytest.fixture(scope="module")
def own_disk(installed: Layers) -> Iterator[Layers]:
    """The disk of a server that serves HTTPS with the owner's files."""
    with changed_layers(installed, "own", serve_own_files, sys.modules[__name__], certificates) as layers:
        yield layers


def serve_own_files(machine: Machine) -> None:
    make_certificate(machine, *HOSTS)
    machine.run(*INSTALL, cwd=PLACE)
    wait_until(lambda: served_serial(machine), "nginx serves HTTPS", seconds=30)


@pytest.fixture(scope="module")
def owner(own_disk: Layers) -> Iterator[Machine]:
    """Such a server, for tests that first give it a certificate."""
    with booted(own_disk) as machine:
        yield machine


@pytest.fixture
def owner_alone(own_disk: Layers) -> Iterator[Machine]:
    """Such a server, for one test."""
    with booted(own_disk) as machine:
        yield machine


def reload(machine: Machine) -> None:
    before = served_serial(machine)
    machine.run(*RELOAD)
    wait_until(lambda: served_serial(machine) != before, "nginx serves the new certificate", seconds=30)


def test_own_files_are_served_and_remembered(owner_alone: Machine) -> None:
    assert complaints(owner_alone) == []
    url = upload(owner_alone, HTTPS, "--http2", cacert=OWN[0])
    assert read(owner_alone, url, ALLOWED, "--http2", cacert=OWN[0]) == (200, True)
    assert read(owner_alone, url, STRANGER, "--http2", cacert=OWN[0]) == (403, False)
    assert curl(owner_alone, "https://pics.example.org/robots.txt", cacert=OWN[0]).status == 200
    assert curl(owner_alone, "http://img.example.com/a").headers["location"] == f"{HTTPS}/a"
    before = owner_alone.listing("/etc", "/usr/local")
    owner_alone.run("make", "install", cwd=PLACE)
    assert owner_alone.listing("/etc", "/usr/local") == before


def test_missing_certificate_files_are_named_and_used_when_they_exist(server: Machine) -> None:
    said = server.run(*INSTALL, cwd=PLACE).stdout
    found, status = certificate_findings(server)
    assert (status, found["state"]) == (1, "error")
    for advice in (said, found["fix"]):
        assert OWN[0] in advice
        assert "certbot certonly" not in advice
    assert curl(server, "http://img.example.com/robots.txt").status == 200
    make_certificate(server, *HOSTS)
    server.run("authsvc", "nginx", "install")
    wait_until(lambda: served_serial(server), "nginx serves HTTPS", seconds=30)
    assert complaints(server) == []


def in_etc(machine: Machine) -> dict[str, Entry]:
    """Return the files without their times: a file that was changed and changed back is the same."""
    return {path: entry._replace(mtime_ns=0) for path, entry in machine.listing("/etc").items()}


def test_key_of_another_certificate_is_refused_and_nothing_changes(owner_alone: Machine) -> None:
    serial = served_serial(owner_alone)
    owner_alone.shell(f"openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out {OWN[1]}")
    before = in_etc(owner_alone)
    refused = owner_alone.run(*RELOAD, check=False)
    assert refused.returncode != 0
    assert "key values mismatch" in refused.stderr
    assert in_etc(owner_alone) == before
    assert served_serial(owner_alone) == serial
    assert any("key values mismatch" in complaint for complaint in complaints(owner_alone))


@pytest.mark.parametrize(
    ("days", "state", "status", "text"),
    [
        pytest.param(10.5, "warning", 0, "it expires in 10 days", id="soon"),
        pytest.param(-3.5, "error", 1, "it expired 3 days ago", id="days ago"),
    ],
)
def test_doctor_reports_the_end_of_validity(owner: Machine, days: float, state: str, status: int, text: str) -> None:
    make_certificate(owner, *HOSTS, begins_days=-80, ends_days=days)
    reload(owner)
    found, exit_status = certificate_findings(owner)
    assert (found["state"], exit_status, found["text"]) == (state, status, text)


@pytest.mark.parametrize(
    ("hosts", "text"),
    [
        pytest.param(("img.example.com",), "pics.example.org; it covers img.example.com", id="one missing"),
        pytest.param((), "img.example.com, pics.example.org; it covers no name", id="no name"),
        pytest.param(("*.example.com",), "pics.example.org; it covers *.example.com", id="a wildcard"),
    ],
)
def test_doctor_reports_wrong_names(owner: Machine, hosts: tuple[str, ...], text: str) -> None:
    make_certificate(owner, *hosts)
    reload(owner)
    found, status = certificate_findings(owner)
    assert (found["state"], status, found["text"]) == ("error", 1, f"it does not cover {text}")


@pytest.mark.parametrize(
    ("hosts", "days"),
    [
        pytest.param(HOSTS, 10, id="expires soon"),
        pytest.param(("a.example.com",), 90, id="other names"),
    ],
)
def test_doctor_tells_the_owner_to_replace_the_files_without_certbot(
    owner: Machine, hosts: tuple[str, ...], days: float
) -> None:
    make_certificate(owner, *hosts, begins_days=-80, ends_days=days)
    reload(owner)
    fix = certificate_findings(owner)[0]["fix"]
    assert OWN[0] in fix
    assert OWN[1] in fix
    assert fix.endswith("authsvc nginx install --reload")
    assert "certbot" not in fix


def test_doctor_reports_a_replaced_file_that_nginx_has_not_loaded(owner: Machine) -> None:
    make_certificate(owner, *HOSTS)
    reload(owner)
    make_certificate(owner, *HOSTS)
    found, status = certificate_findings(owner)
    assert (found["state"], status, found["fix"]) == ("error", 1, "authsvc nginx install --reload")
    reload(owner)
    assert complaints(owner) == []
