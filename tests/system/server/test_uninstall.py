"""`make uninstall`, and an installation over the data that it leaves."""

import json

from tests.support.server.debian import debian_root
from tests.support.server.disk import Layers
from tests.support.server.installed import built
from tests.support.server.kept import put_release
from tests.support.server.machine import Machine
from tests.support.server.visits import UNITS, assert_works, install, read, upload

NEIGHBOUR = """\
server {
    listen 80;
    server_name blog.example.com;
    return 200 "a neighbour's page";
}
"""
KEPT = ("/etc/authsvc", "/etc/letsencrypt", "/var/lib/authsvc", "/var/lib/authsvc-acme")


def uninstall(machine: Machine) -> str:
    done = machine.run("make", "uninstall", cwd="/root/authsvc")
    return done.stdout + done.stderr


def files_below(machine: Machine, folder: str) -> set[str]:
    return {path for path, entry in machine.listing(folder).items() if entry.kind != "folder"}


def lists(machine: Machine) -> list[object]:
    return [json.loads(machine.run("authsvc", what, "list", "--json").stdout) for what in ("site", "token")]


def test_uninstalling_removes_the_programs_and_keeps_data_settings_and_other_sites(server: Machine) -> None:
    server.path("/etc/nginx/sites-enabled/blog").write_text(NEIGHBOUR, "ascii")
    server.shell("mkdir -p /etc/letsencrypt/live/img.example.com; echo mine >/etc/letsencrypt/live/img.example.com/x")
    upload(server)
    server.run("systemctl", "stop", "authsvc.socket", "authsvc.service")
    before = server.listing(*KEPT)

    said = uninstall(server)

    assert {path for path, entry in server.listing(*KEPT).items() if before.get(path) != entry} == set()
    assert set(server.listing(*KEPT)) == set(before)
    for what in ("pictures and catalog   /var/lib/authsvc", "/etc/authsvc", "certificates", "userdel authsvc"):
        assert what in said
    assert server.run("systemctl", "list-unit-files", "--no-legend", "authsvc*", check=False).stdout == ""
    assert server.run("systemctl", "list-units", "--all", "--no-legend", "authsvc*").stdout == ""
    assert not server.path("/run/authsvc/authsvc.sock").exists()
    originally = {f"/{path.relative_to(debian_root())}" for path in (debian_root() / "usr/local").rglob("*")}
    assert files_below(server, "/usr/local") <= originally
    assert server.run("grep", "-rl", "authsvc", "/etc/nginx", "/etc/systemd", check=False).stdout == ""
    assert server.run("nginx", "-t", "-q").stderr == ""
    assert "a neighbour's page" in server.run("curl", "-fsS", "http://blog.example.com/").stdout
    assert "Welcome to nginx" in server.run("curl", "-fsS", "http://img.example.com/").stdout
    assert server.run("systemctl", "is-system-running").stdout == "running\n"


def test_uninstalling_again_changes_nothing(server: Machine) -> None:
    uninstall(server)
    before = server.listing("/etc", "/usr/local")
    uninstall(server)
    assert server.listing("/etc", "/usr/local") == before


def test_installing_over_old_data_restores_pictures_tokens_and_sites(server: Machine, installed: Layers) -> None:
    path, before = upload(server), lists(server)
    settings = server.path("/etc/authsvc/authsvc.toml").read_bytes()
    uninstall(server)
    assert read(server, path, "blog.example.com") == "404"

    put_release(server, built(installed))
    assert "settings: already in place" in install(server)

    assert lists(server) == before
    assert server.path("/etc/authsvc/authsvc.toml").read_bytes() == settings
    assert read(server, path, "blog.example.com") == "200"
    assert read(server, path, "stranger.example.net") == "403"
    assert server.run("systemctl", "is-enabled", *UNITS).stdout.split() == ["enabled"] * len(UNITS)
    assert_works(server)
