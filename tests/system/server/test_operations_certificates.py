"""Follow docs/operations.md for certificates that do not come from certbot's webroot."""

from tests.support.server.browser import ALLOWED, STRANGER, curl, read, upload
from tests.support.server.certificates import (
    AUTHORITY,
    OWN,
    complaints,
    make_certificate,
    served_serial,
    start_authority,
)
from tests.support.server.machine import Machine
from tests.support.server.operations_page import SETTINGS, answer_certbot, edit, follow, take
from tests.support.stack import wait_until

OWN_FILES = take("## Certificates", "make install")
PLUG_IN = take("## Certificates", "certbot --nginx")
BASE = "https://img.example.com"
NAMED = ("/etc/ssl/img.pem", "/etc/ssl/img.key")


def assert_serves(machine: Machine, authority: str) -> None:
    wait_until(lambda: served_serial(machine), "nginx serves HTTPS", seconds=30)
    url = upload(machine, BASE, cacert=authority)
    assert read(machine, url, ALLOWED, cacert=authority) == (200, True)
    assert read(machine, url, STRANGER, cacert=authority) == (403, False)


def put_own_files(machine: Machine) -> None:
    make_certificate(machine, "img.example.com")
    for made, named in zip(OWN, NAMED, strict=True):
        machine.run("mv", made, named)


def test_own_certificate_files_are_served_and_replaced(server: Machine) -> None:
    put_own_files(server)
    follow(server, OWN_FILES)
    assert_serves(server, NAMED[0])
    assert complaints(server) == []
    before = served_serial(server)
    put_own_files(server)
    follow(server, "authsvc nginx install --reload")
    wait_until(lambda: served_serial(server) != before, "the new one is served", seconds=30)
    assert_serves(server, NAMED[0])


def test_site_file_is_not_changed_after_certbots_plug_in_edited_it(server: Machine) -> None:
    follow(server, "make install DOMAIN=img.example.com")
    answer_certbot(server)
    start_authority(server)
    follow(server, PLUG_IN)
    assert_serves(server, AUTHORITY)
    said = follow(server, "authsvc nginx install")
    assert "was edited and is kept" in said
    assert complaints(server) == []
    edit(server, SETTINGS, "\ndata_dir", "\nmissing_status = 200\ndata_dir")
    follow(server, "authsvc nginx install; systemctl restart authsvc")
    wait_until(lambda: status_of_nothing(server) == 200, "the setting is in force", seconds=10)


def status_of_nothing(machine: Machine) -> int:
    return curl(machine, f"{BASE}/7b/e49a5d9f4ab1e2c0d7f3b6a8901234.png", cacert=AUTHORITY).status


def test_doctor_finds_nothing_wrong_without_https(server: Machine) -> None:
    edit(server, SETTINGS, f'"{BASE}"', '"http://img.example.com"')
    follow(server, "authsvc nginx install; systemctl restart authsvc")
    assert complaints(server) == []
    url = upload(server, "http://img.example.com")
    assert url.startswith("http://img.example.com/")
    assert read(server, url, ALLOWED) == (200, True)
    assert read(server, url, STRANGER) == (403, False)
