"""`make install DESTDIR=…`, dry runs, and what `make install` refuses before it changes anything."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.server.checkout import PLACE, put_checkout, put_files
from tests.support.server.debian import debian_root
from tests.support.server.disk import Entry, Layers
from tests.support.server.kept import file_facts, installable, keep_changes, kept
from tests.support.server.machine import Machine
from tests.support.server.visits import INSTALL_SECONDS, assert_works, prepare

DOMAIN = "DOMAIN=img.example.com pics.example.org"
STAGE = "/srv/stage"
LONGEST_LINE = 200
HOMELY = """\
mkdir -p /root/python/bin /root/python/lib
cp "$(readlink -f /usr/bin/python3)" /root/python/bin/python3
version=$(/usr/bin/python3 -c 'import sys; print(f"python3.{sys.version_info.minor}")')
ln -s "/usr/lib/$version" "/root/python/lib/$version"
"""


class Staged(NamedTuple):
    """The output and the files of `make install DESTDIR=…`, and a disk on which they were unpacked."""

    said: str
    written: dict[str, Entry]
    disk: Layers


@pytest.fixture(scope="module")
def staged() -> Iterator[Staged]:
    with (
        kept("staged", file_facts([__file__, *installable()]), stage) as folder,
        Machine(base=Layers((folder / "disk", debian_root()))) as machine,
    ):
        written = {path: Entry.of(file) for path, file in files_in(folder / "disk").items()} | machine.listing(STAGE)
        put_checkout(machine)
        machine.chroot("sh", "-ec", f"cp -a {STAGE}/. /; rm -r {STAGE}")
        yield Staged((folder / "said").read_text("utf-8"), written, machine.snapshot())


def stage(folder: Path) -> None:
    """Run `make install DESTDIR=…`; keep its output, and its changes on the disk."""
    with Machine() as machine:
        put_files(machine, installable())
        changes(machine)
        command = f"umask 077; make -C {PLACE} install DESTDIR={STAGE}"
        said = machine.chroot("sh", "-ec", command, timeout=INSTALL_SECONDS).stdout
        (folder / "said").write_text(said, "utf-8")
        (folder / "disk").mkdir()
        keep_changes(machine, folder / "disk")


@pytest.fixture
def switched_off() -> Iterator[Machine]:
    """A server with the checkout, switched off."""
    with Machine() as machine:
        put_checkout(machine)
        changes(machine)
        yield machine


def changes(machine: Machine) -> dict[str, Path]:
    """Return the files that were changed or removed on the disk since the last call."""
    return files_in(machine.snapshot().folders[0])


def files_in(top: Path) -> dict[str, Path]:
    """Return the files of a layer by their paths on the disk. A removed file is a device there."""
    return {f"/{path.relative_to(top)}": path for path in top.rglob("*") if path.is_symlink() or not path.is_dir()}


def commands_in(said: str) -> list[str]:
    """Return the commands that the output asks the operator to run."""
    return re.findall(r"^  (\S.*)$", said, re.MULTILINE)


def test_staging_writes_only_below_its_folder(staged: Staged) -> None:
    written = staged.written
    assert {path for path in written if not path.startswith(STAGE)} == set()
    modes = {path: entry.mode for path, entry in written.items() if entry.kind != "link"}
    assert {path for path, mode in modes.items() if mode not in {0o644, 0o755}} == set()
    assert modes[f"{STAGE}/usr/local/bin/authsvc"] == 0o755
    assert modes[f"{STAGE}/usr/local/lib/systemd/system/authsvc.service"] == 0o644
    assert not {path for path in written if path.startswith((f"{STAGE}/etc/nginx", f"{STAGE}/var"))}
    assert f"{STAGE}/usr/local/lib/authsvc/restart-needed" not in written


def test_no_staged_file_contains_the_path_of_the_staging_folder(staged: Staged) -> None:
    with Machine(base=staged.disk) as machine:
        named = machine.chroot("grep", "-rlI", STAGE, "/usr/local/lib/authsvc", check=False)
        assert (named.returncode, named.stdout) == (1, "")


def test_staged_files_work_on_the_server_where_they_are_unpacked(staged: Staged) -> None:
    with Machine(base=staged.disk) as machine:
        assert "authsvc" in machine.chroot("authsvc", "--version").stdout
        machine.boot()
        for command in commands_in(staged.said):
            machine.shell(command)
        prepare(machine)
        assert_works(machine)


def test_without_systemd_the_printed_commands_start_the_units_later(staged: Staged) -> None:
    with Machine(base=staged.disk) as machine:
        said = machine.chroot("make", "-C", PLACE, "install", DOMAIN, timeout=INSTALL_SECONDS).stdout
        commands = commands_in(said.partition("systemd does not run here; when it does:")[2])[:2]
        assert commands == [
            "systemctl daemon-reload",
            "systemctl enable --now authsvc.socket authsvc.service authsvc-sites.path",
        ]
        machine.boot()
        for command in commands:
            machine.shell(command)
        prepare(machine)
        assert_works(machine)


def test_dry_run_shows_one_short_command_per_line_and_changes_nothing(switched_off: Machine) -> None:
    said = switched_off.chroot("make", "-C", PLACE, "-n", "install", DOMAIN).stdout
    assert changes(switched_off) == {}
    lines = [line for line in said.splitlines() if not line.startswith("make: ")]
    assert max(map(len, lines)) <= LONGEST_LINE
    for line in lines:
        assert re.fullmatch(r"(scripts/\S+|/usr/local/bin/authsvc)( .*)?", line), line
        assert not re.search(r"[;|\\]|&&", line), line
    for step in ("scripts/install-release /usr/local/lib/authsvc", "scripts/install-units start"):
        assert step in lines


def test_installation_without_root_is_refused_and_changes_nothing(switched_off: Machine) -> None:
    nobody = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--")
    switched_off.chroot("cp", "-a", PLACE, "/srv/authsvc")
    changes(switched_off)
    refused = switched_off.chroot(*nobody, "make", "-C", "/srv/authsvc", "install", DOMAIN, check=False)
    assert refused.returncode != 0
    assert "installing needs root; run: sudo make install" in refused.stderr
    assert changes(switched_off) == {}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "no domain is given; run: make install DOMAIN=img.example.com"),
        (
            ["DOMAIN=https://img.example.com/"],
            "https://img.example.com/ is not a domain; write it like img.example.com",
        ),
        ([DOMAIN, "STATE_DIR=/home/pictures"], "/home/pictures: the service cannot read there; choose another"),
        ([DOMAIN, "STATE_DIR=pictures"], "pictures: not an absolute path; write it like /srv/authsvc"),
        ([DOMAIN, "PREFIX=/root/local"], "/root/local: the service cannot read there; choose another"),
        (
            [DOMAIN, "STATE_DIR=/srv/my pictures"],
            "/srv/my pictures: PREFIX, STATE_DIR and NGINX_USER may have only letters",
        ),
    ],
    ids=["no domain", "an address for a domain", "a home", "no full path", "programs in a home", "a space"],
)
def test_invalid_argument_is_refused_and_changes_nothing(
    switched_off: Machine, arguments: list[str], reason: str
) -> None:
    refused = switched_off.chroot("make", "-C", PLACE, "install", *arguments, check=False)
    assert refused.returncode != 0
    assert reason in refused.stderr
    assert changes(switched_off) == {}


def test_python_in_a_home_folder_is_refused_and_changes_nothing(switched_off: Machine) -> None:
    switched_off.chroot("sh", "-ec", HOMELY)
    changes(switched_off)
    python = "PYTHON=/root/python/bin/python3"
    refused = switched_off.chroot("make", "-C", PLACE, "install", DOMAIN, python, check=False)
    assert refused.returncode != 0
    assert (
        "is in a home folder, which the service cannot read; run: make install PYTHON=/usr/bin/python3"
        in refused.stderr
    )
    assert changes(switched_off) == {}
