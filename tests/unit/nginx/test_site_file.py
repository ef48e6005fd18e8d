"""The site file for the nginx that a server has: how it follows nginx's version and the network."""

from pathlib import Path

import pytest

from authsvc.model import SiteList
from authsvc.nginx import install as under_test
from authsvc.nginx.existing import Directive, ServerNginx
from authsvc.nginx.install import render_target
from authsvc.nginx.paths import install_paths
from authsvc.nginx.render import SERVER_FILE, render
from authsvc.settings import Settings

MAIN_FILE = Path("/etc/nginx/nginx.conf")


def server_of(version: tuple[int, ...]) -> ServerNginx:
    directives = (Directive(MAIN_FILE, ("include", "/etc/nginx/conf.d/*.conf"), ("http",)),)
    prefix, pid_file, access_log = (Path(name) for name in ("/usr/share/nginx", "/run/nginx.pid", "/var/log/nginx/a"))
    return ServerNginx("nginx", version, MAIN_FILE, prefix, directives, pid_file, access_log, "")


def lines_for(folder: Path, version: tuple[int, ...]) -> list[str]:
    """Return the site file's lines for an nginx of that version, with a certificate."""
    certificate = folder / "certificate.pem"
    certificate.touch()
    settings = Settings(
        public_url="https://img.example.com",
        extra_hosts=("pics.example.org",),
        certificate=certificate,
        certificate_key=certificate,
    )
    nginx = server_of(version)
    target = render_target(nginx, install_paths(nginx))
    text = render(settings, SiteList(1, ()), folder, target)[SERVER_FILE]
    return [line.strip() for line in text.splitlines()]


@pytest.fixture
def without_ipv6(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "_IPV6_MARK", tmp_path / "absent")


@pytest.fixture
def with_ipv6(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "_IPV6_MARK", tmp_path)


@pytest.mark.usefixtures("with_ipv6")
@pytest.mark.parametrize("version", [(1, 18, 0), (1, 22, 1), (1, 25, 0)])
def test_http2_is_a_word_of_listen_before_its_own_directive(tmp_path: Path, version: tuple[int, ...]) -> None:
    lines = lines_for(tmp_path, version)
    assert "http2 on;" not in lines
    assert {"listen 443 ssl http2;", "listen [::]:443 ssl http2;"} <= set(lines)


@pytest.mark.usefixtures("with_ipv6")
@pytest.mark.parametrize("version", [(1, 25, 1), (1, 26, 0), (1, 29), (2, 0, 0)])
def test_http2_is_a_directive_since_nginx_1_25_1(tmp_path: Path, version: tuple[int, ...]) -> None:
    lines = lines_for(tmp_path, version)
    assert lines.count("http2 on;") == 1
    assert {"listen 443 ssl;", "listen [::]:443 ssl;"} <= set(lines)
    assert not [line for line in lines if "ssl http2" in line]


@pytest.mark.usefixtures("without_ipv6")
@pytest.mark.parametrize("version", [(1, 22, 1), (1, 26, 0)])
def test_without_ipv6_nginx_listens_on_ipv4_alone(tmp_path: Path, version: tuple[int, ...]) -> None:
    listens = [line.split()[1].rstrip(";") for line in lines_for(tmp_path, version) if line.startswith("listen")]
    assert listens == ["80", "443"]


@pytest.mark.usefixtures("with_ipv6")
@pytest.mark.parametrize("version", [(1, 22, 1), (1, 26, 0)])
def test_with_ipv6_every_port_is_open_on_both(tmp_path: Path, version: tuple[int, ...]) -> None:
    listens = [line.split()[1].rstrip(";") for line in lines_for(tmp_path, version) if line.startswith("listen")]
    assert listens == ["80", "[::]:80", "443", "[::]:443"]


def test_every_domain_is_named_in_both_servers(tmp_path: Path) -> None:
    assert lines_for(tmp_path, (1, 22, 1)).count("server_name img.example.com pics.example.org;") == 2
