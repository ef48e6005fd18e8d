"""An installation that is killed on its way leaves an nginx that can start."""

import os
import signal
import subprocess

import pytest

from tests.support.own_nginx import CONF_D_ONLY, DEBIAN_HTTP, OwnNginx


def _install_and_die(nginx: OwnNginx, *, at: int) -> bool:
    """Kill an installation at its so many-th file; return whether it came so far."""
    strace = ["strace", "-qq", "-o", "/dev/null", "-e", "trace=rename", "-e", f"inject=rename:signal=KILL:when={at}"]
    command = [*strace, *nginx.command_line("install")]
    done = subprocess.run(command, env={**os.environ, **nginx.environment}, capture_output=True, text=True, check=False)
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr
    return done.returncode != 0


@pytest.mark.parametrize("http", [DEBIAN_HTTP, CONF_D_ONLY], ids=["Debian's folders", "conf.d only"])
def test_killed_installation_leaves_an_nginx_that_can_start_and_is_finished_by_the_next(
    nginx: OwnNginx, http: str
) -> None:
    nginx.configure(http=http)
    at = 1
    while _install_and_die(nginx, at=at):
        assert nginx.test() == "", f"killed at file {at}"
        nginx.command("install")
        assert not [name for name in nginx.state() if name.rpartition("/")[2].startswith(".")]
        nginx.command("uninstall")
        at += 6
    assert at > 20


def _make_older(nginx: OwnNginx) -> None:
    """Make the files what a version has written that had no snippet for harmless headers."""
    conf = nginx.conf / "authsvc"
    (conf / "snippets" / "security" / "security-headers.conf").unlink()
    for path in conf.rglob("*.conf"):
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(["# older\n", *(line for line in lines if "security-headers.conf" not in line)]))


def test_killed_upgrade_leaves_an_nginx_that_can_start_and_is_finished_by_the_next(nginx: OwnNginx) -> None:
    nginx.command("install")
    installed = nginx.state()
    at = 1
    _make_older(nginx)
    while _install_and_die(nginx, at=at):
        assert nginx.test() == "", f"killed at file {at}"
        nginx.command("install")
        assert nginx.state() == installed
        _make_older(nginx)
        at += 4
    assert at > 16
