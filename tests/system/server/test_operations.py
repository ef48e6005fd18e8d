"""Follow docs/operations.md from its beginning, on a server with only the packages that the page names."""

import re
import sys
from collections.abc import Iterator

import pytest

from tests.support.pictures import noise
from tests.support.server import followed as followed_steps
from tests.support.server.browser import ALLOWED, STRANGER, curl, read, upload
from tests.support.server.certificates import AUTHORITY, complaints, start_authority
from tests.support.server.checkout import PLACE
from tests.support.server.debian import PACKAGES
from tests.support.server.disk import Layers
from tests.support.server.followed import GET_PACKAGES, followed_layers, named_packages
from tests.support.server.installed import NEWER, newer_release
from tests.support.server.kept import put_release
from tests.support.server.machine import Machine, booted
from tests.support.server.operations_page import (
    IDENTITY,
    ORIGIN,
    PAGE,
    SETTINGS,
    edit,
    follow,
    is_there,
    places,
    take,
    untaken,
)
from tests.support.stack import wait_until
from tests.system.server import test_operations_certificates, test_operations_move

APPLY = take("## Change a setting")
UPGRADE = take("## Upgrade")
RESTART = take("## Restart, stop, start", "systemctl restart")
STOP_AND_START = take("## Restart, stop, start", "systemctl stop")
SHOW_LOGS = take("## Logs")
MORE_DOMAINS = take("## Several domains")
UNINSTALL = take("## Uninstall")
DELETE = take("## Uninstall", language="text")
BEHIND_A_CDN = take("## Behind a CDN or another proxy", language="toml")
ALLOW_NETWORK = take("## The sandbox")

SITE = "/etc/nginx/sites-available/authsvc.conf"
BASE = "https://img.example.com"
EMBEDS_HIDDEN = ("-H", "Sec-Fetch-Site: cross-site", "-H", "Sec-Fetch-Mode: no-cors", "-H", "Sec-Fetch-Dest: image")
EFFECT_SECONDS = 10
UNITS = ("authsvc.socket", "authsvc.service", "authsvc-sites.path")


@pytest.fixture(scope="module")
def followed() -> Iterator[Layers]:
    """The disk of a server after the steps of the page up to the doctor."""
    with followed_layers() as layers:
        yield layers


@pytest.fixture
def server(followed: Layers) -> Iterator[Machine]:
    with booted(followed) as machine:
        yield machine


@pytest.fixture(scope="module")
def shared(followed: Layers) -> Iterator[Machine]:
    """A running server for tests that leave it as they found it, but with more pictures."""
    with booted(followed) as machine:
        yield machine


def states(machine: Machine) -> list[str]:
    return machine.run("systemctl", "is-active", *UNITS, check=False).stdout.split()


def assert_works(machine: Machine, base: str = BASE) -> str:
    assert states(machine) == ["active"] * len(UNITS)
    url = upload(machine, base, cacert=AUTHORITY)
    assert read(machine, url, ALLOWED, cacert=AUTHORITY) == (200, True)
    assert read(machine, url, STRANGER, cacert=AUTHORITY) == (403, False)
    return url


def test_every_block_of_commands_is_run_by_some_test() -> None:
    assert untaken(sys.modules[__name__], followed_steps, test_operations_certificates, test_operations_move) == []


def test_packages_of_the_page_are_enough(followed: Layers) -> None:
    assert set(named_packages()) <= set(PACKAGES)
    assert GET_PACKAGES.splitlines()[0] == "apt-get update"
    with Machine(base=followed) as machine:
        assert machine.chroot(f"{PLACE}/scripts/need-packages", "install").stdout == ""
        said = machine.path("/root/said").read_text("utf-8")
    assert "installing packages of the distribution" not in said


def test_steps_lead_from_a_clone_to_pictures_in_a_blog(shared: Machine) -> None:
    said = shared.path("/root/said").read_text("utf-8")
    assert "Successfully received certificate" in said
    assert not re.search(r"^(fault|note:)", said, re.MULTILINE), said
    assert_works(shared)
    assert complaints(shared) == []


def test_dry_run_shows_the_installation_and_changes_nothing(shared: Machine) -> None:
    before = shared.listing("/etc", "/usr/local", PLACE)
    said = follow(shared, "make -n install")
    assert "scripts/install-release /usr/local/lib/authsvc" in said
    assert shared.listing("/etc", "/usr/local", PLACE) == before


def test_edited_setting_takes_effect_and_is_kept(server: Machine) -> None:
    url = assert_works(server)
    text = edit(server, SETTINGS, "\ndata_dir", "\nmax_upload_bytes = 2048\ndata_dir")
    assert re.search(r"max_upload_bytes +2048 ", follow(server, APPLY))
    refused = curl(server, f"{BASE}/api/v1/upimg", "-F", "file=@/tmp/sent", cacert=AUTHORITY, data=noise(500_000))
    assert refused.status == 413
    assert complaints(server) == []
    assert read(server, url, ALLOWED, cacert=AUTHORITY) == (200, True)
    assert_works(server)
    follow(server, "make install DOMAIN='img.example.com pics.example.org'")
    assert server.path(SETTINGS).read_text("utf-8") == text
    assert 'extra_hosts = ["pics.example.org"]' in server.path(f"{SETTINGS}.default").read_text("utf-8")


def test_upgrade_switches_to_the_new_version_and_can_be_undone(server: Machine) -> None:
    url = assert_works(server)
    kept = server.listing("/etc/authsvc", "/etc/nginx", "/var/lib/authsvc/blobs")
    current = server.path("/usr/local/lib/authsvc/current")
    before = current.readlink()
    server.shell(f"cd {ORIGIN}; {NEWER}; git {IDENTITY} commit -qam second")
    with newer_release() as newer:
        put_release(server, newer)
    follow(server, UPGRADE)
    assert current.readlink() != before
    assert "# A new version." in server.shell(
        "cat /usr/local/lib/authsvc/current/lib/python3*/site-packages/authsvc/service/main.py"
    )
    assert running_release(server) == str(current.readlink())
    assert server.listing("/etc/authsvc", "/etc/nginx", "/var/lib/authsvc/blobs") == kept
    assert read(server, url, ALLOWED, cacert=AUTHORITY) == (200, True)
    assert_works(server)
    follow(server, "git checkout --quiet HEAD~1; make install")
    assert current.readlink() == before
    assert running_release(server) == str(before)
    assert_works(server)


def running_release(machine: Machine) -> str:
    """Return the release from which the service was started, as its loaded libraries show."""
    pid = machine.shell("systemctl show authsvc.service -P MainPID").strip()
    maps = machine.shell(f"grep -o 'releases/[0-9a-f]*' /proc/{pid}/maps | sort -u")
    return maps.strip()


def test_service_restarts_stops_and_starts(shared: Machine) -> None:
    url = assert_works(shared)
    follow(shared, RESTART)
    assert_works(shared)
    follow(shared, "systemctl stop authsvc.service")
    upload(shared, BASE, cacert=AUTHORITY)
    assert_works(shared)
    stop, start = STOP_AND_START.splitlines()
    follow(shared, stop)
    assert states(shared)[:2] == ["inactive", "inactive"]
    assert read(shared, url, ALLOWED, cacert=AUTHORITY) == (200, True)
    assert curl(shared, f"{BASE}/api/v1/upimg", "-F", "file=@/etc/hosts", cacert=AUTHORITY).status == 502
    assert states(shared)[:2] == ["inactive", "inactive"]
    follow(shared, start)
    assert_works(shared)


def test_logs_show_the_service_the_sites_and_who_embedded(server: Machine) -> None:
    url = assert_works(server)
    curl(server, url, cacert=AUTHORITY)
    curl(server, url, "-e", "nonsense", cacert=AUTHORITY)
    curl(server, url, *EMBEDS_HIDDEN, cacert=AUTHORITY)
    follow(server, "authsvc site add photos.example.net")

    def embedders() -> set[str]:
        return {line.split()[-1] for line in follow(server, SHOW_LOGS).splitlines() if '" ' in line and "GET /" in line}

    wanted = {"blog.example.com", "thief.example.net", "-none", "-invalid", "-hidden"}
    wait_until(lambda: wanted <= embedders(), "the log has every embedder", seconds=EFFECT_SECONDS)
    wait_until(
        lambda: "the map of sites is at revision" in follow(server, SHOW_LOGS), "the site", seconds=EFFECT_SECONDS
    )
    assert re.search(r"systemd\[1\]: Started authsvc.service", follow(server, SHOW_LOGS))


def test_second_domain_works_like_the_first(server: Machine) -> None:
    start_authority(server)
    install, expand = MORE_DOMAINS.splitlines()
    follow(server, install)
    follow(server, expand)
    assert complaints(server) == []
    url = assert_works(server, "https://pics.example.org")
    assert url.startswith(BASE)
    other = url.replace(BASE, "https://pics.example.org")
    assert read(server, other, "https://pics.example.org/", cacert=AUTHORITY) == (200, True)


def test_second_domain_of_edited_settings_works(server: Machine) -> None:
    edit(server, SETTINGS, "extra_hosts = []", 'extra_hosts = ["pics.example.org"]')
    follow(server, APPLY)
    other = "pics.example.org/robots.txt"
    assert curl(server, f"http://{other}").headers["location"] == f"https://{other}"
    assert complaints(server) == ["it does not cover pics.example.org; it covers img.example.com"]
    assert_works(server)


def test_log_and_limits_use_the_clients_address_behind_a_cdn(server: Machine) -> None:
    url = assert_works(server)
    server.shell("ip address add 203.0.113.7/32 dev lo")
    edit(server, SETTINGS, "\ndata_dir", f"\n{BEHIND_A_CDN}upload_rate = 1\nupload_burst = 1\ndata_dir")
    follow(server, APPLY)
    by_cdn = ("--interface", "203.0.113.7", "-H")
    curl(server, url, *by_cdn, "CF-Connecting-IP: 198.51.100.23", cacert=AUTHORITY)
    curl(server, url, "-H", "CF-Connecting-IP: 198.51.100.66", cacert=AUTHORITY)

    def clients() -> set[str]:
        return {line.split()[0] for line in follow(server, "cat /var/log/nginx/authsvc.log").splitlines()}

    wait_until(lambda: "198.51.100.23" in clients(), "the log has the client", seconds=EFFECT_SECONDS)
    assert not clients() & {"198.51.100.66", "203.0.113.7"}
    many = f"{BASE}/api/v1/upimg?[1-9]"
    said = server.run(
        "curl", "-sS", "--cacert", AUTHORITY, *by_cdn, "CF-Connecting-IP: 198.51.100.1", "-F", "a=b", many
    )
    assert '"rate"' in said.stdout
    upload(server, BASE, *by_cdn, "CF-Connecting-IP: 198.51.100.2", cacert=AUTHORITY)


def test_server_behind_a_cdn_that_ends_https_needs_no_certificate(server: Machine) -> None:
    for name in ("certificate", "certificate_key"):
        server.shell(f"sed -i '/^{name} =/d' {SETTINGS}")
    follow(server, APPLY)
    assert complaints(server) == []
    assert curl(server, "http://img.example.com/robots.txt").status == 200
    url = upload(server, "http://img.example.com")
    assert url.startswith(f"{BASE}/")
    assert read(server, url.replace("https", "http", 1), ALLOWED) == (200, True)


def test_table_of_places_is_right_before_and_after_uninstalling(server: Machine) -> None:
    url = assert_works(server)
    path = f"/var/lib/authsvc/blobs{url.removeprefix(BASE)}"
    assert server.path(path).is_file()
    table = places()
    assert len(table) >= 10
    assert [place for place in table if not is_there(server, place)] == []
    units = {path.name for path in server.path("/usr/local/lib/systemd/system").iterdir()}
    assert set(re.findall(r"^\| `(authsvc[^`/]*)` \|", PAGE.read_text("utf-8"), re.MULTILINE)) == units
    kept = server.listing("/etc/authsvc", "/etc/letsencrypt", "/var/lib/authsvc/blobs")
    follow(server, UNINSTALL)
    assert {place: is_there(server, place) for place in table} == {
        place: fate == "kept" for place, fate in table.items()
    }
    assert server.listing("/etc/authsvc", "/etc/letsencrypt", "/var/lib/authsvc/blobs") == kept
    assert server.run("systemctl", "--failed", "--quiet").stdout == ""
    assert server.run("sh", "-c", "ps ax | grep [a]uthsvc", check=False).stdout == ""
    follow(server, DELETE)
    left = server.shell("find / -xdev -name '*authsvc*' ! -path '/root/*' ! -path '/tmp/*'")
    assert left == ""
    assert "authsvc" not in server.shell("getent passwd; getent group; certbot certificates")


def test_uninstalling_keeps_an_edited_site_file(server: Machine) -> None:
    with server.path(SITE).open("a", encoding="utf-8") as site:
        site.write("# mine\n")
    text = server.path(SITE).read_bytes()
    follow(server, UNINSTALL)
    assert server.path(SITE).read_bytes() == text
    server.run("nginx", "-t")


def test_drop_in_opens_the_network_which_is_closed_without_it(server: Machine) -> None:
    exposure = re.search(
        r"Overall exposure level for authsvc.service: ([\d.]+)", follow(server, "systemd-analyze security authsvc")
    )
    assert exposure
    assert float(exposure[1]) <= 0.5
    assert network_of(server, "self") != network_of(server)
    follow(server, ALLOW_NETWORK)
    assert network_of(server, "self") == network_of(server)
    assert_works(server)


def network_of(machine: Machine, process: str = "") -> str:
    """Return the network namespace of a process, by default of the service."""
    pid = process or machine.shell("systemctl show authsvc.service -P MainPID").strip()
    return machine.shell(f"readlink /proc/{pid}/ns/net")
