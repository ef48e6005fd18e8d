"""An installation that is killed at any step leaves an nginx that can start, and the next one finishes it."""

import shutil
from collections.abc import Callable, Iterator

import pytest

from tests.support.nginx.killed import Commands
from tests.support.own_nginx import CONF_D_ONLY, DEBIAN_HTTP, OwnNginx

CHANGED = {"AUTHSVC_EXTRA_HOSTS": "pics.example.org", "AUTHSVC_MAX_UPLOAD_BYTES": "4096"}
"""Settings with which the site file and the release are different."""


def _kills(
    nginx: OwnNginx,
    word: str,
    *,
    calls: tuple[str, ...],
    before: Callable[[], object],
    environment: dict[str, str] | None = None,
) -> Iterator[str]:
    """Kill a command at each of these system calls, each time after `before`. Yield the step.

    nginx must be able to start after each kill.
    """
    _, *arguments = nginx.command_line(word)
    settings = {**nginx.environment, **(environment or {})}
    with Commands() as commands:
        for call in calls:
            at = 1
            before()
            while commands.kill(arguments, settings, call=call, at=at):
                assert nginx.test() == "", f"killed at {call} {at}"
                yield f"{call} {at}"
                at += 1
                before()


def _is_clean(nginx: OwnNginx) -> bool:
    """Whether nothing is left over, apart from the release before."""
    hidden = [name for name in nginx.state() if name.rpartition("/")[2].startswith(".")]
    return not hidden and len(list((nginx.conf / "authsvc-releases").iterdir())) <= 2


@pytest.mark.parametrize("http", [DEBIAN_HTTP, CONF_D_ONLY], ids=["Debian's folders", "conf.d only"])
def test_killed_installation_is_finished_by_the_next(nginx: OwnNginx, http: str) -> None:
    nginx.configure(http=http)
    before = nginx.state()
    steps = []
    for step in _kills(nginx, "install", calls=("rename", "symlink"), before=lambda: nginx.command("uninstall")):
        nginx.command("install")
        assert _is_clean(nginx), step
        steps.append(step)
    assert len(steps) >= 4, steps
    nginx.command("uninstall")
    assert nginx.state() == before


def test_killed_upgrade_is_finished_by_the_next(nginx: OwnNginx) -> None:
    nginx.command("install")
    site = nginx.conf / "sites-available" / "authsvc.conf"
    steps = []
    for step in _kills(
        nginx,
        "install",
        calls=("rename", "unlink"),
        before=lambda: nginx.command("install"),
        environment=CHANGED,
    ):
        with pytest.MonkeyPatch.context() as patch:
            for name, value in CHANGED.items():
                patch.setenv(name, value)
            said = nginx.command("install")
        # What a killed installation wrote does not count as edited.
        assert "was edited" not in said, step
        assert "pics.example.org" in site.read_text()
        assert _is_clean(nginx), step
        steps.append(step)
    assert len(steps) >= 4, steps


def _as_an_earlier_version(nginx: OwnNginx) -> None:
    """Lay the files out as before there were releases: one real folder, and a file for pcre_jit."""
    nginx.command("install")
    conf = nginx.conf / "authsvc"
    jit = nginx.conf / "modules-enabled" / "zz-authsvc.conf"
    files = conf.resolve()
    conf.unlink()
    files.rename(conf)
    shutil.rmtree(nginx.conf / "authsvc-releases")
    jit.unlink()
    jit.write_text("pcre_jit on;\n")


def test_killed_upgrade_from_a_version_without_releases_is_finished_by_the_next(nginx: OwnNginx) -> None:
    before = nginx.state()
    steps = []
    for step in _kills(
        nginx,
        "install",
        calls=("renameat2", "rename"),
        before=lambda: _as_an_earlier_version(nginx),
        environment=CHANGED,
    ):
        assert "was edited" not in nginx.command("install"), step
        assert (nginx.conf / "authsvc").is_symlink()
        assert _is_clean(nginx), step
        steps.append(step)
    assert len(steps) >= 4, steps
    nginx.command("uninstall")
    assert nginx.state() == before


def test_killed_uninstallation_is_finished_by_the_next(nginx: OwnNginx) -> None:
    before = nginx.state()
    steps = []
    for step in _kills(nginx, "uninstall", calls=("unlink",), before=lambda: nginx.command("install")):
        nginx.command("uninstall")
        assert nginx.state() == before, step
        steps.append(step)
    assert len(steps) >= 4, steps


def test_edited_site_file_outlives_kills(nginx: OwnNginx) -> None:
    nginx.configure(http=CONF_D_ONLY)
    nginx.command("install")
    site = nginx.conf / "conf.d" / "zz-authsvc.conf"
    edited = site.read_text() + "# mine\n"
    site.write_text(edited)

    def damage() -> None:
        (nginx.conf / "authsvc" / "authsvc-http.conf").write_text("damaged")

    _, *arguments = nginx.command_line("install")
    with Commands() as commands:
        for call in ("rename", "renameat2"):
            at = 1
            damage()
            # nginx refuses what is there, so the command hides the site file while it reads the rest.
            while commands.kill(arguments, nginx.environment, call=call, at=at):
                assert "was edited and is kept" in nginx.command("install")
                assert site.read_text() == edited, f"{call} {at}"
                at += 1
                damage()
            nginx.command("install")
    assert nginx.test() == ""
