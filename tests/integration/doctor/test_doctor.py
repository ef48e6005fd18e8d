"""What the doctor reports about the data folder, the machine, the service and the units."""

import grp
import os
import pwd
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from authsvc.doctor import Finding, State, service
from authsvc.doctor.data import Owner, check_data
from authsvc.doctor.machine import check_clock, check_disk
from authsvc.doctor.service import check_service
from authsvc.doctor.units import UNITS, check_units, unit_owner
from authsvc.settings import Settings
from authsvc.system.linux import clock_error_us
from tests.support.cli.command import Home
from tests.support.contract.small_disk import small_disk
from tests.support.doctor import answering, listening
from tests.support.stack import Stack
from tests.support.up.fresh import short_folder
from tests.support.workplace import Workplace, settings_in

NOBODYS_UID = 54321


def complaints(found: Iterable[Finding]) -> list[Finding]:
    """Return the findings that are not ok. There must be findings: no finding would look healthy."""
    findings = list(found)
    assert findings
    return [finding for finding in findings if finding.state is not State.OK]


def fixed(place: Workplace, finding: Finding) -> list[Finding]:
    """Run the fix of the finding; return the remaining findings."""
    if finding.fix.startswith("authsvc "):
        Home(place.settings.data_dir).ok(*finding.fix.split()[1:])
    else:
        subprocess.run(["sh", "-ec", finding.fix], check=True)
    return complaints(check_data(place.settings, None))


def test_correct_data_folder_is_ok(place: Workplace) -> None:
    assert complaints(check_data(place.settings, None)) == []


def test_data_folder_without_a_catalog_is_fixed(place: Workplace) -> None:
    place.settings.catalog_path.unlink()
    (found,) = complaints(check_data(place.settings, None))
    assert found.fix == "authsvc init"
    assert fixed(place, found) == []


@pytest.mark.parametrize("name", ["blobs_dir", "spool_dir", "run_dir"])
def test_missing_folder_is_fixed(place: Workplace, name: str) -> None:
    folder: Path = getattr(place.settings, name)
    if name == "blobs_dir":
        for shard in folder.iterdir():
            shard.rmdir()
    folder.rmdir()
    (found,) = complaints(check_data(place.settings, None))
    assert str(folder) in found.text
    assert fixed(place, found) == []


@pytest.mark.needs_root
@pytest.mark.parametrize("uid", [NOBODYS_UID, 33], ids=["nobody's", "another user's"])
@pytest.mark.parametrize("name", ["data_dir", "blobs_dir", "run_dir"])
def test_folder_of_another_user_is_fixed(place: Workplace, name: str, uid: int) -> None:
    path: Path = getattr(place.settings, name)
    os.chown(path, uid, -1)
    (found,) = complaints(check_data(place.settings, None))
    assert found.state is State.ERROR
    assert f"{path} belongs to " in found.text
    assert fixed(place, found) == []


@pytest.mark.needs_root
def test_service_without_a_name_can_own_its_files(place: Workplace) -> None:
    for folder, _, files in os.walk(place.settings.data_dir):
        for name in (".", *files):
            os.chown(Path(folder, name), NOBODYS_UID, NOBODYS_UID)
    assert complaints(check_data(place.settings, None)) == []
    os.chown(place.settings.spool_dir, 0, 0)
    (found,) = complaints(check_data(place.settings, None))
    assert fixed(place, found) == []
    assert place.settings.spool_dir.stat().st_gid == NOBODYS_UID


@pytest.mark.needs_root
def test_file_of_another_user_is_fixed(place: Workplace) -> None:
    path = place.settings.run_dir / "serve.lock"
    path.touch()
    os.chown(path, 33, -1)
    (found,) = complaints(check_data(place.settings, None))
    assert fixed(place, found) == []


def test_world_writable_folder_is_fixed(place: Workplace) -> None:
    place.settings.blobs_dir.chmod(0o2777)
    (found,) = complaints(check_data(place.settings, None))
    assert "can be written by everybody" in found.text
    assert fixed(place, found) == []


@pytest.mark.needs_root
@pytest.mark.parametrize(
    ("options", "state"),
    [("size=8m", State.ERROR), ("size=200m", State.WARNING), ("size=2g", State.OK)],
    ids=["no room for two uploads", "little room", "room"],
)
def test_free_disk_space(tmp_path: Path, options: str, state: State) -> None:
    with small_disk(tmp_path / "disk", options) as disk:
        (found,) = check_disk(settings_in(disk))
    assert found.state is state
    assert f"GiB free at {disk}" in found.text
    assert bool(found.fix) is (state is not State.OK)


@pytest.mark.needs_root
def test_few_inodes_are_a_warning(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "size=2g,nr_inodes=100") as disk:
        for number in range(96):
            (disk / str(number)).touch()
        room, inodes = check_disk(settings_in(disk))
        assert (room.state, inodes.state) == (State.OK, State.WARNING)
        assert "inodes free, of 100" in inodes.text


@pytest.mark.parametrize(
    ("error_us", "state"),
    [(0, State.OK), (15_999_999, State.OK), (16_000_000, State.WARNING), (None, State.OK)],
    ids=["right", "nearly", "left alone", "unknown"],
)
def test_clock(error_us: int | None, state: State) -> None:
    (found,) = check_clock(error_us)
    assert found.state is state


def test_kernel_reports_the_error_of_the_clock() -> None:
    error = clock_error_us()
    assert error is not None
    # The kernel's own maximum, include/linux/timex.h.
    assert 0 <= error <= 16_000_000


@pytest.fixture
def settings() -> Iterator[Settings]:
    """A data folder in a place short enough for sockets."""
    with short_folder() as folder:
        yield settings_in(folder)


def test_service_that_answers_is_ok(stack: Stack) -> None:
    # Behind it may come that nginx lags, after another test's change of the sites.
    first = next(check_service(settings_in(stack.data_dir)))
    assert (first.check, first.state) == ("service", State.OK)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"problems": ["the disk is full"], "nginx_lags": false}', "the disk is full"),
        (b"{}", "the running service is another version"),
        (b"<html>", "its answer is not valid"),
        (b"garbage", "its answer is not valid"),
        (b"[]", "its answer is not a JSON object"),
        (b'{"problems": 3}', "the running service is another version"),
        (b'{"problems": [7], "nginx_lags": false}', "7"),
    ],
    ids=["problem", "another version", "no JSON", "no HTTP", "a list", "a number of problems", "a number"],
)
def test_unexpected_answer_of_the_service_is_an_error(settings: Settings, body: bytes, says: str) -> None:
    with answering(settings, body):
        (found,) = complaints(check_service(settings))
    assert found.state is State.ERROR
    assert says in found.text


def test_nginx_that_lags_is_a_warning(settings: Settings) -> None:
    body = b'{"problems": [], "nginx_lags": true, "nginx_sites_revision": 3, "sites_revision": 4}'
    with answering(settings, body):
        (found,) = complaints(check_service(settings))
    assert found.state is State.WARNING
    assert found.text == "nginx uses revision 3 of the site list; the newest is 4"
    assert found.fix == "authsvc nginx install --reload"


def test_nginx_that_lags_by_an_unknown_number_is_a_warning(settings: Settings) -> None:
    with answering(settings, b'{"problems": [], "nginx_lags": true}'):
        (found,) = complaints(check_service(settings))
    assert found.state is State.WARNING


def test_absent_service_is_an_error(settings: Settings) -> None:
    (found,) = complaints(check_service(settings))
    assert f"it does not answer on {settings.socket_path}: No such file" in found.text
    assert found.fix.startswith("systemctl restart authsvc.socket authsvc;")


def test_service_that_hangs_is_an_error(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "TIMEOUT_SECONDS", 0.1)
    with listening(settings):
        (found,) = complaints(check_service(settings))
    assert "timed out" in found.text


class Systemctl:
    """A `systemctl` that knows our units; the output of a real one is tested on a real machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started = 1_000_000
        self.states = dict.fromkeys(UNITS, ("loaded", "active", "enabled"))
        self.user = ("daemon", "www-data", "/var/lib/authsvc")

    def install(self) -> None:
        lines = [f'"{unit} {word}") echo {value} ;;' for unit in UNITS for word, value in self._values(unit)]
        text = '#!/bin/sh\nname=${3#--property=}\ncase "$2 $name" in\n' + "\n".join(lines) + "\nesac\n"
        (self.folder / "systemctl").write_text(text)
        (self.folder / "systemctl").chmod(0o755)

    def _values(self, unit: str) -> list[tuple[str, str]]:
        words = ("LoadState", "ActiveState", "UnitFileState", "User", "Group", "ReadWritePaths")
        values = (*self.states[unit], *self.user)
        return [*zip(words, values, strict=True), ("ExecMainStartTimestamp", f"@{self.started}")]


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemctl:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return Systemctl(tmp_path)


def look(systemctl: Systemctl, config: Path | None = None) -> list[Finding]:
    systemctl.install()
    return list(check_units(config, mark=systemctl.folder))


def test_units_that_run_are_ok(systemctl: Systemctl) -> None:
    assert [finding.state for finding in look(systemctl)] == [State.OK]


def test_no_finding_without_running_systemd(systemctl: Systemctl) -> None:
    systemctl.install()
    assert list(check_units(None, mark=systemctl.folder / "absent")) == []


def test_no_finding_without_units(systemctl: Systemctl) -> None:
    systemctl.states["authsvc.socket"] = ("not-found", "inactive", "")
    assert look(systemctl) == []


def test_no_finding_without_systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert list(check_units(None, mark=tmp_path)) == []


@pytest.mark.parametrize("unit", UNITS)
def test_unit_that_is_not_active_is_an_error(systemctl: Systemctl, unit: str) -> None:
    systemctl.states[unit] = ("loaded", "failed", "enabled")
    (found,) = look(systemctl)
    assert (found.state, found.text) == (State.ERROR, f"{unit} is failed")
    assert found.fix.startswith(f"systemctl restart {unit};")


def test_disabled_unit_is_an_error(systemctl: Systemctl) -> None:
    systemctl.states["authsvc.socket"] = ("loaded", "active", "disabled")
    (found,) = look(systemctl)
    assert (found.state, found.fix) == (State.ERROR, "systemctl enable authsvc.socket")


@pytest.mark.needs_root
def test_unit_names_the_owner_of_the_data(systemctl: Systemctl, place: Workplace) -> None:
    systemctl.user = ("daemon", "www-data", str(place.settings.data_dir))
    systemctl.install()
    owner = unit_owner(place.settings.data_dir, mark=systemctl.folder)
    assert owner == (pwd.getpwnam("daemon").pw_uid, grp.getgrnam("www-data").gr_gid)
    # All of it came from another server, where the numbers had other names.
    for folder, _, files in os.walk(place.settings.data_dir):
        for name in (".", *files):
            os.chown(Path(folder, name), NOBODYS_UID, NOBODYS_UID)
    found = complaints(check_data(place.settings, owner))
    assert found[0].fix == f"chown -R daemon:www-data {place.settings.data_dir}"
    subprocess.run(["sh", "-ec", found[0].fix], check=True)
    assert complaints(check_data(place.settings, owner)) == []


@pytest.mark.parametrize(
    ("user", "folder"),
    [("", "/var/lib/authsvc"), ("nobody-of-that-name", "/var/lib/authsvc"), ("daemon", "/srv/another")],
    ids=["no user", "an unknown user", "another data folder"],
)
def test_unit_of_another_data_folder_names_no_owner(systemctl: Systemctl, user: str, folder: str) -> None:
    systemctl.user = (user, "daemon", folder)
    systemctl.install()
    assert unit_owner(Path("/var/lib/authsvc"), mark=systemctl.folder) is None
    assert unit_owner(Path("/var/lib/authsvc"), mark=systemctl.folder / "absent") is None


@pytest.mark.needs_root
def test_shard_that_nginx_could_not_read_is_fixed(place: Workplace) -> None:
    shard = place.settings.blobs_dir / "7b"
    shard.mkdir(exist_ok=True)
    os.chown(shard, -1, 33)
    (found,) = complaints(check_data(place.settings, None))
    assert found.text.startswith(f"{shard} belongs to root:www-data, not to root:")
    assert fixed(place, found) == []


@pytest.mark.needs_root
def test_new_disk_gets_its_owner_before_init(place: Workplace) -> None:
    folder = place.settings.data_dir / "disk"
    settings = settings_in(folder)
    (found,) = complaints(check_data(settings, Owner(1, 1)))
    assert found.fix == f"install -d -m 2750 -o daemon -g daemon {folder} && authsvc init"


def test_untrusted_file_name_is_quoted_in_a_fix(place: Workplace) -> None:
    folder = place.settings.run_dir / "x; touch owned"
    folder.mkdir()
    folder.chmod(0o777)
    (found,) = complaints(check_data(place.settings, None))
    subprocess.run(["sh", "-ec", found.fix], check=True, cwd=place.settings.data_dir)
    assert folder.stat().st_mode & 0o002 == 0
    assert not (place.settings.data_dir / "owned").exists()


@pytest.mark.parametrize(("age", "state"), [(-60, State.OK), (60, State.WARNING)], ids=["older", "newer"])
def test_settings_that_the_service_has_not_read_are_a_warning(systemctl: Systemctl, age: int, state: State) -> None:
    config = systemctl.folder / "authsvc.toml"
    config.touch()
    os.utime(config, (0, systemctl.started + age))
    assert [finding.state for finding in look(systemctl, config)] == [state]
