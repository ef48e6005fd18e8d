"""What the doctor reports about the nginx of a server."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from authsvc.doctor import Finding, State, web
from authsvc.doctor.web import INSTALL, check_web
from authsvc.model import SiteList
from authsvc.nginx.certificate import how_to_get, how_to_renew
from authsvc.settings import Settings, load
from tests.support.own_nginx import DOMAIN, SITES, Network, OwnNginx, own_nginx
from tests.support.stack import Stack
from tests.support.tls import Pair, make_pair, presenting

FURTHER = "pics.example.org"
SITE = "sites-available/authsvc.conf"
LINK = "sites-enabled/zz-authsvc.conf"


@pytest.fixture
def nginx(network: Network) -> Iterator[OwnNginx]:
    """An nginx that runs, with authsvc in it and a data folder that it may read."""
    with own_nginx(network) as made, made.running():
        made.settings.data_dir.chmod(0o755)
        made.settings.blobs_dir.chmod(0o755)
        made.settings.run_dir.chmod(0o755)
        made.command("install")
        yield made


def look(nginx: OwnNginx) -> list[Finding]:
    return list(check_web(nginx.settings, nginx.main_file))


def complaints(nginx: OwnNginx) -> list[Finding]:
    return [finding for finding in look(nginx) if finding.state is not State.OK]


def fix(nginx: OwnNginx, finding: Finding) -> None:
    """Run the fix as far as it is our command: systemctl is tested on a real machine."""
    word, name, *more = finding.fix.partition(";")[0].split()
    assert (word, name) == ("authsvc", "nginx")
    nginx.command(*more)


def test_nginx_that_matches_the_settings_is_ok(nginx: OwnNginx) -> None:
    assert {finding.check for finding in look(nginx)} == {"nginx", "sites", "rights"}
    assert complaints(nginx) == []


def test_nginx_without_authsvc_is_not_checked(network: Network) -> None:
    with own_nginx(network) as nginx:
        (found,) = look(nginx)
    assert found.state is State.OK
    assert "does not include authsvc" in found.text


def test_nginx_under_up_is_known_by_its_process(stack: Stack) -> None:
    first, second = check_web(load(flags={"data_dir": stack.data_dir}).settings)
    assert (first.text, second.check) == ("it runs under `authsvc up`", "sites")


@pytest.mark.parametrize(
    ("http", "says"),
    [("nonsense;", 'unknown directive "nonsense"'), ("include other.conf;", "includes no folder of sites")],
    ids=["broken", "without a folder for sites"],
)
def test_configuration_that_cannot_be_used_is_an_error(nginx: OwnNginx, http: str, says: str) -> None:
    nginx.put("other.conf", "")
    nginx.configure(http=http)
    (found,) = complaints(nginx)
    assert (found.check, found.fix) == ("nginx", "nginx -t")
    assert says in found.text


def test_missing_program_is_an_error(nginx: OwnNginx) -> None:
    nginx.program.unlink()
    (found,) = complaints(nginx)
    assert "apt-get install nginx" in found.text


def test_nginx_that_does_not_run_is_an_error(network: Network) -> None:
    with own_nginx(network) as nginx:
        nginx.command("install")
        assert [found.fix for found in complaints(nginx) if found.check == "nginx"] == [
            "systemctl start nginx; journalctl -u nginx -n 20"
        ]


def test_newer_list_of_sites_is_fixed(nginx: OwnNginx) -> None:
    nginx.publish(SiteList(SITES.revision + 1, (*SITES.patterns, "new.example.org")))
    (found,) = complaints(nginx)
    assert (found.state, found.text) == (State.ERROR, "nginx's map is at revision 7, the list at 8")
    fix(nginx, found)
    assert complaints(nginx) == []


def test_map_without_a_revision_is_fixed(nginx: OwnNginx) -> None:
    path = nginx.conf / "authsvc" / "authsvc-sites.conf"
    path.write_text(path.read_text().replace('default "7"', 'default "x"'))
    (found,) = complaints(nginx)
    assert found.text == "nginx's map is at revision None, the list at 7"
    fix(nginx, found)
    assert complaints(nginx) == []


def test_missing_map_is_an_error_with_the_message_of_nginx(nginx: OwnNginx) -> None:
    path = nginx.conf / "authsvc" / "authsvc-sites.conf"
    path.unlink()
    (found,) = complaints(nginx)
    assert str(path) in found.text


def test_map_that_up_has_lost_is_an_error(nginx: OwnNginx) -> None:
    (found,) = web._check_map(nginx.settings, nginx.folder / "absent")
    assert found.text == "nginx's map is at revision None, the list at 7"


def test_missing_list_of_sites_is_an_error(nginx: OwnNginx) -> None:
    nginx.settings.site_list_path.unlink()
    found = complaints(nginx)
    assert {finding.fix for finding in found} == {"authsvc init"}


@pytest.mark.parametrize("name", ["authsvc/snippets/verdict/auth-request.conf", "authsvc/site.default"])
def test_file_that_differs_is_fixed(nginx: OwnNginx, name: str) -> None:
    path = nginx.conf / name
    path.write_text(path.read_text() + "# by hand\n")
    if name.endswith("default"):
        shutil.copy(path, nginx.conf / SITE)
    (found,) = complaints(nginx)
    assert (found.state, found.text) == (State.ERROR, f"{path} differs from the settings")
    fix(nginx, found)
    assert complaints(nginx) == []


@pytest.mark.parametrize("name", ["hotlink.png", "missing.png"])
def test_lost_or_different_placeholder_is_fixed(nginx: OwnNginx, name: str) -> None:
    path = nginx.conf / "authsvc" / "placeholders" / name
    for change in (path.unlink, lambda: path.write_bytes(b"another")):
        change()
        (found,) = complaints(nginx)
        assert (found.state, found.text) == (State.ERROR, f"{path} differs from the settings")
        fix(nginx, found)
        assert complaints(nginx) == []


def test_missing_file_of_authsvc_is_fixed(nginx: OwnNginx) -> None:
    (nginx.conf / "authsvc" / "snippets" / "verdict" / "auth-request.conf").unlink()
    (found,) = complaints(nginx)
    assert (found.check, found.fix) == ("nginx", INSTALL)
    fix(nginx, found)
    assert complaints(nginx) == []


def test_other_server_with_the_same_name_is_an_error(nginx: OwnNginx) -> None:
    nginx.put("conf.d/theirs.conf", f"server {{ listen 80; server_name {DOMAIN}; }}")
    (found,) = complaints(nginx)
    assert found.text.startswith(f"another server of this nginx is called {DOMAIN} already")
    assert found.fix == f"grep -rn {DOMAIN} {nginx.conf}"


def test_other_process_does_not_count_as_nginx_under_up(nginx: OwnNginx) -> None:
    pid_file = nginx.settings.run_dir / "nginx.pid"
    # The nginx of the server, which is not the one of `up`, and a pipe, which nobody writes to.
    pid_file.write_text((nginx.folder / "nginx.pid").read_text())
    assert {finding.check for finding in look(nginx)} == {"nginx", "sites", "rights"}
    pid_file.unlink()
    os.mkfifo(pid_file)
    assert {finding.check for finding in look(nginx)} == {"nginx", "sites", "rights"}


def test_settings_that_nginx_does_not_have_yet_are_fixed(nginx: OwnNginx) -> None:
    nginx.flags["max_upload_bytes"] = 4096
    nginx.settings = load(flags=nginx.flags).settings
    found = complaints(nginx)
    assert {finding.fix for finding in found} == {INSTALL}
    fix(nginx, found[0])
    assert complaints(nginx) == []


def test_edited_site_file_is_ok_and_reported(nginx: OwnNginx) -> None:
    nginx.put(SITE, (nginx.conf / SITE).read_text() + "# by hand\n")
    assert complaints(nginx) == []
    assert any(found.text.endswith("sites-available/authsvc.conf was edited by hand") for found in look(nginx))


def test_site_that_is_not_enabled_is_fixed(nginx: OwnNginx) -> None:
    (nginx.conf / LINK).unlink()
    (found,) = complaints(nginx)
    assert found.text == f"the site is not enabled: {nginx.conf / LINK} is missing"
    fix(nginx, found)
    assert complaints(nginx) == []


@pytest.mark.parametrize("name", ["blobs_dir", "run_dir"])
def test_folder_that_nginxs_user_may_not_enter_is_an_error(nginx: OwnNginx, name: str) -> None:
    getattr(nginx.settings, name).chmod(0o750)
    (found,) = complaints(nginx)
    assert found.text == f"nginx's user www-data may not enter {getattr(nginx.settings, name)}"
    assert found.fix == "usermod -aG root www-data && systemctl reload nginx"


def test_group_without_a_name_is_an_error_and_not_a_crash(nginx: OwnNginx) -> None:
    nginx.settings.data_dir.chmod(0o750)
    os.chown(nginx.settings.data_dir, -1, 54321)
    (found,) = complaints(nginx)
    assert (found.check, found.text) == ("rights", f"nginx's user www-data may not enter {nginx.settings.data_dir}")


def test_missing_data_folder_is_not_a_crash(nginx: OwnNginx) -> None:
    shutil.rmtree(nginx.settings.data_dir)
    assert {found.check for found in complaints(nginx)} == {"nginx", "sites"}


def test_user_that_does_not_exist_is_an_error(nginx: OwnNginx) -> None:
    nginx.main_file.write_text(nginx.main_file.read_text().replace("user www-data;", "user absent www-data;"))
    # nginx itself refuses it, so the doctor has its words.
    (found,) = complaints(nginx)
    assert 'getpwnam("absent") failed' in found.text


class Shown:
    """A certificate that nginx shows for a server, and the settings of that server."""

    def __init__(self, folder: Path, network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.network = network
        self.monkeypatch = monkeypatch

    def settings(self, **more: object) -> Settings:
        flags = {"data_dir": self.folder, "public_url": f"https://{DOMAIN}", "extra_hosts": (FURTHER,), **more}
        return load(flags=flags).settings

    def findings(self, settings: Settings, pair: Pair) -> list[Finding]:
        with presenting(pair) as port:
            self.monkeypatch.setattr(web, "_TLS_PORT", port)
            return list(web._check_certificate(settings, self.folder / "site.conf"))


@pytest.fixture
def shown(network: Network, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shown]:
    folder = Path(tempfile.mkdtemp(prefix="asv-", dir="/tmp"))
    yield Shown(folder, network, monkeypatch)
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("hosts", "ends_days", "state", "text"),
    [
        ((DOMAIN, FURTHER), 90.5, State.OK, "it is valid for 90 more days"),
        (("*.example.com", FURTHER), 21.5, State.OK, "it is valid for 21 more days"),
        ((DOMAIN, FURTHER), 20.5, State.WARNING, "it expires in 20 days"),
        ((DOMAIN, FURTHER), -1.5, State.ERROR, "it expired 1 days ago"),
        ((DOMAIN,), 90.5, State.ERROR, f"it does not cover {FURTHER}; it covers {DOMAIN}"),
        ((), 90.5, State.ERROR, f"it does not cover {DOMAIN}, {FURTHER}; it covers no name"),
    ],
    ids=["good", "wildcard", "soon to expire", "expired", "a name is missing", "no names"],
)
def test_certificate(shown: Shown, hosts: tuple[str, ...], ends_days: float, state: State, text: str) -> None:
    pair = make_pair(shown.folder / "pair", *hosts, ends_days=ends_days)
    settings = shown.settings(certificate=pair.certificate, certificate_key=pair.key)
    (found,) = shown.findings(settings, pair)
    assert (found.state, found.text) == (state, text)
    if state is not State.OK:
        renews = "expire" in text
        assert found.fix == (how_to_renew(settings) if renews else how_to_get(settings))


def test_certificate_that_nginx_has_not_read_is_an_error(shown: Shown) -> None:
    old = make_pair(shown.folder / "old", DOMAIN, FURTHER)
    new = make_pair(shown.folder / "new", DOMAIN, FURTHER)
    (found,) = shown.findings(shown.settings(certificate=new.certificate, certificate_key=new.key), old)
    assert (found.state, found.fix) == (State.ERROR, f"{INSTALL} --reload")


def test_file_that_is_not_a_certificate_is_not_compared(shown: Shown) -> None:
    pair = make_pair(shown.folder / "pair", DOMAIN, FURTHER)
    spoiled = shown.folder / "spoiled.pem"
    spoiled.write_text("no certificate")
    (found,) = shown.findings(shown.settings(certificate=spoiled, certificate_key=pair.key), pair)
    assert found.state is State.OK


def test_missing_certificate_file_is_not_compared(shown: Shown) -> None:
    pair = make_pair(shown.folder / "pair", DOMAIN, FURTHER)
    (found,) = shown.findings(shown.settings(certificate="/absent.pem", certificate_key="/absent.key"), pair)
    assert found.state is State.OK


@pytest.mark.parametrize("has_files", [True, False], ids=["with files", "without files"])
def test_nginx_without_https_is_an_error(shown: Shown, *, has_files: bool) -> None:
    live = f"/etc/letsencrypt/live/{DOMAIN}"
    settings = shown.settings(certificate=f"{live}/fullchain.pem", certificate_key=f"{live}/privkey.pem")
    if has_files:
        pair = make_pair(shown.folder / "pair", DOMAIN)
        settings = shown.settings(certificate=pair.certificate, certificate_key=pair.key)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        shown.monkeypatch.setattr(web, "_TLS_PORT", bound.getsockname()[1])
        (found,) = web._check_certificate(settings, shown.folder / "site.conf")
    assert f"nginx does not answer over HTTPS for {DOMAIN}" in found.text
    assert found.fix == (INSTALL if has_files else how_to_get(settings))


@pytest.mark.parametrize(
    "flags", [{"public_url": f"http://{DOMAIN}"}, {}], ids=["plain HTTP", "HTTPS by somebody in front"]
)
def test_server_that_needs_no_certificate_is_ok(shown: Shown, flags: dict[str, object]) -> None:
    settings = shown.settings(**flags)
    found = list(web._check_certificate(settings, shown.folder / "site.conf"))
    assert [finding.state for finding in found] == ([] if flags else [State.OK])
