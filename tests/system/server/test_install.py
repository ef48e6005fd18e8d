"""A server after `make install`."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server.disk import Entry, Layers
from tests.support.server.machine import Machine, booted
from tests.support.server.visits import UNITS, assert_works, findings, install, read, upload
from tests.support.stack import wait_until

EFFECT_SECONDS = 10
FOLDERS = ("/etc", "/usr/local", "/opt", "/srv", "/root/authsvc", "/var/lib/authsvc", "/var/lib/authsvc-acme")
COMPLETE = """\
. /usr/share/bash-completion/bash_completion
_completion_loader authsvc
COMP_WORDS=(authsvc $1) COMP_CWORD=1 COMP_LINE="authsvc $1" COMP_POINT=${#COMP_LINE}
$(complete -p authsvc | sed 's/.*-F \\([^ ]*\\).*/\\1/') authsvc "$1" authsvc
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def shared(installed: Layers) -> Iterator[Machine]:
    """A running server for tests that leave it as they found it, but with more pictures."""
    with booted(installed) as machine:
        yield machine


def seen(machine: Machine) -> dict[str, Entry]:
    """Return the files that an installation could change, without SQLite's files beside an open catalog."""
    return {path: entry for path, entry in machine.listing(*FOLDERS).items() if not path.endswith(("-shm", "-wal"))}


def started(machine: Machine) -> str:
    return machine.shell("systemctl show authsvc nginx -p MainPID,ExecMainStartTimestampMonotonic,ExecReload")


def test_after_one_command_everything_works(shared: Machine) -> None:
    assert shared.path("/root/units.log").read_text("ascii").split() == ["active"] * len(UNITS)
    said = shared.path("/root/install.log").read_text("utf-8")
    assert "installed; it will answer on https://img.example.com" in said
    assert "certbot certonly --webroot -w /var/lib/authsvc-acme -d img.example.com -d pics.example.org" in said
    path = assert_works(shared)
    assert read(shared, path, "blog.example.com", host="pics.example.org") == "200"
    assert read(shared, path, "img.example.com") == "200"
    assert shared.run("systemctl", "is-enabled", *UNITS).stdout.split() == ["enabled"] * len(UNITS)
    assert shared.run("systemctl", "--failed", "--quiet").stdout == ""


def test_installation_prints_what_each_step_did(shared: Machine) -> None:
    said = shared.path("/root/install.log").read_text("utf-8")
    for line in (
        "building release",
        "switched to release",
        "wrote /usr/local/bin/authsvc",
        "wrote /usr/local/lib/systemd/system/authsvc.service",
        "settings: wrote /etc/authsvc/authsvc.toml",
        "/var/lib/authsvc is ready",
        "restarting the service",
        "nginx: wrote /etc/nginx/sites-available/authsvc.conf",
        "nginx: reloaded",
    ):
        assert line in said


def test_added_and_removed_sites_take_effect_within_ten_seconds(shared: Machine) -> None:
    path = upload(shared)

    def status() -> str:
        return read(shared, path, "photos.example.net")

    assert status() == "403"
    shared.run("authsvc", "site", "add", "photos.example.net")
    wait_until(lambda: status() == "200", "the site may embed", seconds=EFFECT_SECONDS)
    shared.run("authsvc", "site", "remove", "photos.example.net")
    wait_until(lambda: status() == "403", "the site may no longer embed", seconds=EFFECT_SECONDS)


def test_new_token_uploads_and_a_revoked_one_does_not(server: Machine) -> None:
    server.shell("authsvc token add laptop >/root/token")
    upload(server)
    server.run("authsvc", "token", "revoke", "laptop")
    command = 'curl -sS -o /dev/null -w "%{http_code}" -H "token: $(cat /root/token)" -F file=@/etc/hostname '
    address = "http://img.example.com/api/v1/upimg"
    wait_until(lambda: server.shell(command + address) == "401", "the token is refused", seconds=EFFECT_SECONDS)


def test_doctor_finds_only_the_certificate_and_a_time_server_missing(shared: Machine) -> None:
    checks = findings(shared)
    certificate, clock = checks.pop("certificate"), checks.pop("clock")
    assert {state for found in checks.values() for state, _ in found} == {"ok"}, checks
    assert {"data", "disk", "units", "service", "sites", "nginx", "rights"} <= set(checks)
    [(state, fix)] = certificate
    assert state == "error"
    assert fix is not None
    assert fix.startswith("certbot certonly --webroot -w /var/lib/authsvc-acme -d img.example.com -d pics.example.org")
    assert clock in ([("ok", None)], [("warning", "apt-get install systemd-timesyncd")])
    assert shared.run("authsvc", "doctor", check=False).returncode == 1


def test_commands_of_the_doctor_start_a_stopped_service(shared: Machine) -> None:
    shared.run("systemctl", "stop", "authsvc.socket", "authsvc.service", "authsvc-sites.path")
    fixes = [fix for state, fix in findings(shared)["units"] if state == "error"]
    assert len(fixes) == len(UNITS)
    for fix in fixes:
        assert fix is not None
        shared.shell(fix)
    assert_works(shared)


def test_installing_again_changes_no_file_and_restarts_nothing(shared: Machine) -> None:
    upload(shared)
    before, running = seen(shared), started(shared)
    for arguments in ((), ("DOMAIN=img.example.com pics.example.org",)):
        said = install(shared, *arguments)
        assert "settings: already in place: /etc/authsvc/authsvc.toml" in said
        assert "nginx: everything is in place already" in said
        after = seen(shared)
        assert {path for path in {*before, *after} if before.get(path) != after.get(path)} == set()
        assert started(shared) == running


def test_reboot_brings_everything_back(server: Machine) -> None:
    path = upload(server)
    server.reboot()
    assert read(server, path, "blog.example.com") == "200"
    assert_works(server)
    assert server.run("systemctl", "is-system-running").stdout == "running\n"


def test_bash_completes_commands(shared: Machine) -> None:
    assert shared.run("bash", "-c", COMPLETE, "bash", "si").stdout == "site\n"
    assert {"doctor", "init", "token"} <= set(shared.run("bash", "-c", COMPLETE, "bash", "").stdout.split())


def test_other_shells_completions_and_the_manual_are_where_they_are_searched(shared: Machine) -> None:
    share = shared.path("/usr/local/share")
    assert (share / "zsh/site-functions/_authsvc").read_text("utf-8").startswith("#compdef authsvc\n")
    assert "complete " in (share / "fish/vendor_completions.d/authsvc.fish").read_text("utf-8")
    # The requests that those files make.
    for shell, word in (("zsh", "1"), ("fish", "si")):
        asked = {"_AUTHSVC_COMPLETE": f"{shell}_complete", "COMP_WORDS": "authsvc si", "COMP_CWORD": word}
        assert "site" in re.split(r"[\n\t,]", shared.run("authsvc", env=asked).stdout)
    manual = share / "man/man1/authsvc.1"
    text = manual.read_text("utf-8")
    assert ".TH AUTHSVC 1\n" in text
    for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS"):
        assert f"\n.SH {section}\n" in text
    assert roff_warnings(manual) == ""


def roff_warnings(page: Path) -> str:
    """Return groff's warnings about a page."""
    return subprocess.run(["groff", "-man", "-ww", "-z", page], capture_output=True, text=True, check=True).stderr
