"""A server after `make install`."""

import re
import subprocess
from pathlib import Path

from tests.support.server.disk import Entry
from tests.support.server.machine import Machine
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


def seen(machine: Machine) -> dict[str, Entry]:
    """Return the files that an installation could change, without SQLite's files beside an open catalog."""
    return {path: entry for path, entry in machine.listing(*FOLDERS).items() if not path.endswith(("-shm", "-wal"))}


def started(machine: Machine) -> str:
    return machine.shell("systemctl show authsvc nginx -p MainPID,ExecMainStartTimestampMonotonic,ExecReload")


def test_after_one_command_everything_works(server: Machine) -> None:
    assert server.path("/root/units.log").read_text("ascii").split() == ["active"] * len(UNITS)
    said = server.path("/root/install.log").read_text("utf-8")
    assert "installed; it will answer on https://img.example.com" in said
    assert "certbot certonly --webroot -w /var/lib/authsvc-acme -d img.example.com -d pics.example.org" in said
    path = assert_works(server)
    assert read(server, path, "blog.example.com", host="pics.example.org") == "200"
    assert read(server, path, "img.example.com") == "200"
    assert server.run("systemctl", "is-enabled", *UNITS).stdout.split() == ["enabled"] * len(UNITS)
    assert server.run("systemctl", "--failed", "--quiet").stdout == ""


def test_installation_prints_what_each_step_did(server: Machine) -> None:
    said = server.path("/root/install.log").read_text("utf-8")
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


def test_added_and_removed_sites_take_effect_within_ten_seconds(server: Machine) -> None:
    path = upload(server)

    def status() -> str:
        return read(server, path, "photos.example.net")

    assert status() == "403"
    server.run("authsvc", "site", "add", "photos.example.net")
    wait_until(lambda: status() == "200", "the site may embed", seconds=EFFECT_SECONDS)
    server.run("authsvc", "site", "remove", "photos.example.net")
    wait_until(lambda: status() == "403", "the site may no longer embed", seconds=EFFECT_SECONDS)


def test_new_token_uploads_and_a_revoked_one_does_not(server: Machine) -> None:
    server.shell("authsvc token add laptop >/root/token")
    upload(server)
    server.run("authsvc", "token", "revoke", "laptop")
    command = 'curl -sS -o /dev/null -w "%{http_code}" -H "token: $(cat /root/token)" -F file=@/etc/hostname '
    address = "http://img.example.com/api/v1/upimg"
    wait_until(lambda: server.shell(command + address) == "401", "the token is refused", seconds=EFFECT_SECONDS)


def test_doctor_finds_only_the_certificate_and_a_time_server_missing(server: Machine) -> None:
    checks = findings(server)
    certificate, clock = checks.pop("certificate"), checks.pop("clock")
    assert {state for found in checks.values() for state, _ in found} == {"ok"}, checks
    assert {"data", "disk", "units", "service", "sites", "nginx", "rights"} <= set(checks)
    [(state, fix)] = certificate
    assert state == "error"
    assert fix is not None
    assert fix.startswith("certbot certonly --webroot -w /var/lib/authsvc-acme -d img.example.com -d pics.example.org")
    assert clock in ([("ok", None)], [("warning", "apt-get install systemd-timesyncd")])
    assert server.run("authsvc", "doctor", check=False).returncode == 1


def test_commands_of_the_doctor_start_a_stopped_service(server: Machine) -> None:
    server.run("systemctl", "stop", "authsvc.socket", "authsvc.service", "authsvc-sites.path")
    fixes = [fix for state, fix in findings(server)["units"] if state == "error"]
    assert len(fixes) == len(UNITS)
    for fix in fixes:
        assert fix is not None
        server.shell(fix)
    assert_works(server)


def test_installing_again_changes_no_file_and_restarts_nothing(server: Machine) -> None:
    upload(server)
    before, running = seen(server), started(server)
    for arguments in ((), ("DOMAIN=img.example.com pics.example.org",)):
        said = install(server, *arguments)
        assert "settings: already in place: /etc/authsvc/authsvc.toml" in said
        assert "nginx: everything is in place already" in said
        after = seen(server)
        assert {path for path in {*before, *after} if before.get(path) != after.get(path)} == set()
        assert started(server) == running


def test_reboot_brings_everything_back(server: Machine) -> None:
    path = upload(server)
    server.reboot()
    assert read(server, path, "blog.example.com") == "200"
    assert_works(server)
    assert server.run("systemctl", "is-system-running").stdout == "running\n"


def test_bash_completes_commands(server: Machine) -> None:
    assert server.run("bash", "-c", COMPLETE, "bash", "si").stdout == "site\n"
    assert {"doctor", "init", "token"} <= set(server.run("bash", "-c", COMPLETE, "bash", "").stdout.split())


def test_other_shells_completions_and_the_manual_are_where_they_are_searched(server: Machine) -> None:
    share = server.path("/usr/local/share")
    assert (share / "zsh/site-functions/_authsvc").read_text("utf-8").startswith("#compdef authsvc\n")
    assert "complete " in (share / "fish/vendor_completions.d/authsvc.fish").read_text("utf-8")
    # The requests that those files make.
    for shell, word in (("zsh", "1"), ("fish", "si")):
        asked = {"_AUTHSVC_COMPLETE": f"{shell}_complete", "COMP_WORDS": "authsvc si", "COMP_CWORD": word}
        assert "site" in re.split(r"[\n\t,]", server.run("authsvc", env=asked).stdout)
    manual = share / "man/man1/authsvc.1"
    text = manual.read_text("utf-8")
    assert ".TH AUTHSVC 1\n" in text
    for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS"):
        assert f"\n.SH {section}\n" in text
    assert roff_warnings(manual) == ""


def roff_warnings(page: Path) -> str:
    """Return groff's warnings about a page."""
    return subprocess.run(["groff", "-man", "-ww", "-z", page], capture_output=True, text=True, check=True).stderr
