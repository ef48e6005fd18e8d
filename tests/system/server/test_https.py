"""HTTPS without a certificate, with one from certbot, and after its renewal."""

import json
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

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

HTTP, HTTPS = "http://img.example.com", "https://img.example.com"
GET_CERTIFICATE = (
    "certbot certonly --webroot -w /var/lib/authsvc-acme -d img.example.com -d pics.example.org "
    "--deploy-hook 'authsvc nginx install --reload'"
)


@pytest.fixture(scope="session")
def https_disk(installed: Layers) -> Iterator[Layers]:
    """The disk of a server that got a certificate with the command that the doctor prints."""
    with changed_layers(installed, "https", get_certificate, sys.modules[__name__], *TEST_AUTHORITY) as layers:
        yield layers


def get_certificate(machine: Machine) -> None:
    authority = start_authority(machine)
    run_certbot(machine, certificate_findings(machine)[0]["fix"])
    stop_authority(authority)
    wait_until(lambda: served_serial(machine), "nginx serves HTTPS", seconds=30)


@pytest.fixture(scope="module")
def secure(https_disk: Layers) -> Iterator[Machine]:
    """A server with that certificate, for tests that do not change it."""
    with booted(https_disk) as machine:
        yield machine


@pytest.fixture
def own_secure(https_disk: Layers) -> Iterator[Machine]:
    """A server with that certificate, for one test."""
    with booted(https_disk) as machine:
        yield machine


def test_without_a_certificate_everything_works_over_http(server: Machine) -> None:
    url = upload(server, HTTP).replace(HTTPS, HTTP)
    assert read(server, url, ALLOWED) == (200, True)
    assert read(server, url, STRANGER) == (403, False)
    assert server.run("curl", "-sS", HTTPS, check=False).returncode == 7  # connection refused


def test_without_a_certificate_the_doctor_shows_the_command_for_one(server: Machine) -> None:
    found, status = certificate_findings(server)
    assert (status, found["state"], found["fix"]) == (1, "error", GET_CERTIFICATE)
    assert "does not answer over HTTPS for img.example.com" in found["text"]
    printed = server.run("authsvc", "nginx", "install").stdout
    assert [line.strip() for line in printed.splitlines()][-1] == GET_CERTIFICATE


def test_command_gets_a_certificate_and_its_hook_switches_to_https(secure: Machine) -> None:
    assert complaints(secure) == []
    for host in ("img.example.com", "pics.example.org"):
        assert curl(secure, f"https://{host}/robots.txt", cacert=AUTHORITY).status == 200
    assert "--deploy-hook" not in secure.run("authsvc", "nginx", "install").stdout


@pytest.mark.parametrize("version", [pytest.param("1.1", id="HTTP 1.1"), pytest.param("2", id="HTTP 2")])
@pytest.mark.parametrize("host", ["img.example.com", "pics.example.org"])
def test_pictures_are_uploaded_and_read_over_https(secure: Machine, host: str, version: str) -> None:
    speak = {"1.1": "--http1.1", "2": "--http2"}[version]
    base = f"https://{host}"
    url = upload(secure, base, speak, cacert=AUTHORITY).replace(HTTPS, base)
    assert url.startswith(base)
    assert curl(secure, url, "-e", ALLOWED, speak, cacert=AUTHORITY).version == version
    assert read(secure, url, ALLOWED, speak, cacert=AUTHORITY) == (200, True)
    for referer in (f"{base}/", f"{HTTP}/"):
        assert read(secure, url, referer, speak, cacert=AUTHORITY) == (200, True)
    assert read(secure, url, STRANGER, speak, cacert=AUTHORITY) == (403, False)


def test_browsers_get_http2(secure: Machine) -> None:
    said = secure.shell("openssl s_client -connect img.example.com:443 -alpn h2,http/1.1 </dev/null 2>&1")
    assert "ALPN protocol: h2\n" in said


def test_upload_without_a_good_token_is_refused_over_https(secure: Machine) -> None:
    refused = curl(
        secure, f"{HTTPS}/api/v1/upimg", "-F", "file=@/etc/hosts", "-H", "token: wrong", "--http2", cacert=AUTHORITY
    )
    assert (refused.status, refused.version, json.loads(refused.body)["code"]) == (401, "2", "bad_token")


@pytest.mark.parametrize("host", ["img.example.com", "pics.example.org"])
@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/7b/e4.png?size=1&x=%2F", id="query"),
        pytest.param("/?path=/a%2fb", id="old address"),
        pytest.param("//a/../b%20c", id="odd path"),
    ],
)
@pytest.mark.parametrize(
    ("method", "status"), [("GET", 301), ("HEAD", 301), ("POST", 308), ("PUT", 308), ("OPTIONS", 308)]
)
def test_http_redirects_to_the_same_address_with_https(
    secure: Machine, method: str, status: int, path: str, host: str
) -> None:
    ask = ("-I",) if method == "HEAD" else ("-X", method)
    answer = curl(secure, f"http://{host}{path}", "--path-as-is", *ask)
    assert (answer.status, answer.headers["location"]) == (status, f"https://{host}{path}")


def test_upload_over_http_succeeds_if_the_client_follows_the_redirect(secure: Machine) -> None:
    url = upload(secure, HTTP, "-L", cacert=AUTHORITY)
    assert read(secure, url.replace(HTTPS, HTTP), ALLOWED, "-L", cacert=AUTHORITY) == (200, True)


@pytest.mark.parametrize("base", [HTTP, HTTPS, "http://pics.example.org"])
def test_acme_challenge_is_still_served_with_a_certificate(secure: Machine, base: str) -> None:
    folder = "/var/lib/authsvc-acme/.well-known/acme-challenge"
    secure.shell(f"mkdir -p {folder}; echo the answer >{folder}/a-token_1")
    answer = curl(secure, f"{base}/.well-known/acme-challenge/a-token_1", cacert=AUTHORITY)
    assert (answer.status, answer.body) == (200, b"the answer\n")


@pytest.mark.parametrize(
    ("version", "is_spoken"),
    [
        pytest.param("1", False, id="TLS 1.0 refused"),
        pytest.param("1_1", False, id="TLS 1.1 refused"),
        pytest.param("1_2", True, id="TLS 1.2 spoken"),
        pytest.param("1_3", True, id="TLS 1.3 spoken"),
    ],
)
def test_only_tls_1_2_and_1_3_are_accepted(secure: Machine, version: str, *, is_spoken: bool) -> None:
    # With its defaults, Debian's client refuses the old versions itself.
    client = ("openssl", "s_client", "-connect", "img.example.com:443", "-cipher", "ALL:@SECLEVEL=0", f"-tls{version}")
    done = secure.run(*client, "-CAfile", AUTHORITY, "-verify_return_error", stdin="", check=False)
    assert (done.returncode == 0) == is_spoken
    assert ("alert protocol version" in done.stderr) != is_spoken


def test_renewed_certificate_is_served_without_a_failed_read(own_secure: Machine) -> None:
    path = urlsplit(upload(own_secure, HTTPS, cacert=AUTHORITY)).path
    reader = own_secure.start("python3", f"{PLACE}/tests/support/server/tlsreader.py", path, AUTHORITY)
    assert reader.stdout
    before = reader.stdout.readline()
    assert before.startswith("certificate"), before
    serial = served_serial(own_secure)
    authority = start_authority(own_secure, days=10)
    own_secure.run("certbot", "renew", "--force-renewal", "--no-random-sleep-on-renew")
    stop_authority(authority)
    wait_until(lambda: served_serial(own_secure) != serial, "nginx serves the new certificate", seconds=30)
    after = reader.stdout.readline()
    assert after.startswith("certificate"), after
    reader.terminate()
    answers = json.loads(reader.communicate(timeout=60)[0])
    assert set(answers) == {"200"}

    found, status = certificate_findings(own_secure)
    assert (status, found["state"], found["text"]) == (0, "warning", "it expires in 9 days")
    # The command that the doctor shows, which Debian's timer runs twice a day.
    assert found["fix"] == "certbot renew"
    start_authority(own_secure)
    own_secure.run("systemctl", "start", "certbot.service")
    wait_until(lambda: complaints(own_secure) == [], "the doctor finds nothing wrong", seconds=30)


def test_doctor_finds_that_nginx_still_serves_the_older_certificate(own_secure: Machine) -> None:
    before = served_serial(own_secure)
    start_authority(own_secure)
    own_secure.run("certbot", "renew", "--force-renewal", "--no-random-sleep-on-renew", "--deploy-hook", "true")
    found, status = certificate_findings(own_secure)
    assert (status, found["state"], found["fix"]) == (1, "error", "authsvc nginx install --reload")
    assert "older" in found["text"]
    assert served_serial(own_secure) == before
    own_secure.shell(found["fix"])
    wait_until(lambda: complaints(own_secure) == [], "the doctor finds nothing wrong", seconds=30)
    assert served_serial(own_secure) != before
