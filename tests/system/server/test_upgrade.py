"""Upgrades: to another release, back again, and attempts that fail."""

import json
import re
import time
from pathlib import Path

from tests.support import experiments
from tests.support.server.checkout import PLACE, put_checkout
from tests.support.server.disk import Entry, Layers
from tests.support.server.installed import NEWER, built, newer_release
from tests.support.server.kept import put_release
from tests.support.server.machine import Machine
from tests.support.server.older import built_older, older_release, put_older
from tests.support.server.underload import Load, assert_unharmed, read_all
from tests.support.server.visits import INSTALL_SECONDS, assert_works, findings, install, prepare, read, upload
from tests.support.server.wheels import wheelhouse

CONFIG = "/etc/authsvc/authsvc.toml"
KEPT = f"{CONFIG} was edited and is kept; the default is in {CONFIG}.default"
OLDER_PLACE = "/root/older"
READS_BEFORE = experiments.size(30, 2000)


def running_release(machine: Machine) -> str:
    """Return the release whose libraries the service has loaded."""
    pid = machine.shell("systemctl show authsvc -P MainPID").strip()
    found = set(re.findall(r"/usr/local/lib/authsvc/releases/(\w+)/", machine.shell(f"cat /proc/{pid}/maps")))
    assert len(found) == 1, found
    return str(found.pop())


def installed_release(machine: Machine) -> str:
    return machine.path("/usr/local/lib/authsvc/current").readlink().name


def kept(machine: Machine) -> tuple[object, ...]:
    """Return what an upgrade must not change."""
    tokens = json.loads(machine.run("authsvc", "token", "list", "--json").stdout)
    stable = [{name: value for name, value in token.items() if name != "last_used"} for token in tokens]
    return machine.path(CONFIG).read_bytes(), machine.run("authsvc", "site", "list", "--json").stdout, stable


def but(answers: dict[str, int], status: str) -> int:
    """Return how many responses had another status."""
    return sum(answers.values()) - answers.get(status, 0)


def test_upgrade_and_downgrade_under_load_keep_data_and_settings(tmp_path: Path, installed: Layers) -> None:
    older = older_release(tmp_path)
    print(f"upgraded from {older.name}")
    wheels = wheelhouse(older.lock)
    binds = {} if wheels == wheelhouse() else {wheels: "/older-wheels"}
    from_older = {"PIP_FIND_LINKS": binds.get(wheels, "/wheels")}
    with Machine(binds=binds) as machine:
        put_older(machine, older, OLDER_PLACE)
        put_checkout(machine)
        with built_older(older, OLDER_PLACE, binds=binds, wheels=from_older["PIP_FIND_LINKS"]) as releases:
            put_release(machine, releases)
        machine.boot()
        install(machine, "DOMAIN=img.example.com pics.example.org", place=OLDER_PLACE, env=from_older)
        if not experiments.FULL:
            put_release(machine, built(installed))
        prepare(machine)
        machine.shell(f"echo 'upload_rate = 25' >>{CONFIG}; systemctl restart authsvc")
        path, before, release = upload(machine), kept(machine), running_release(machine)
        with Load(machine) as load:
            began = time.monotonic()
            load.go_on(READS_BEFORE, kinds=["reads"])
            since = time.monotonic()
            said = install(machine)
            assert running_release(machine) == installed_release(machine) != release
            assert "switched to release" in said, older.name
            assert KEPT in said
            load.go_on()
            assert "building" not in install(machine, place=OLDER_PLACE, env=from_older)
            assert running_release(machine) == installed_release(machine) == release
            until = time.monotonic()
            report = load.finish()
        there = read_all(machine, report.uploaded)
        before_it, during = report.read_seconds(began, since), report.read_seconds(since, until)
        baseline, slow = experiments.p99_ms(before_it), experiments.p99_ms(during)
        experiments.report(
            "faults: `make install` of another release and back",
            reads=sum(report.reads.values()),
            reads_during=len(during),
            failed=but(report.reads, "200"),
            p99_ms=round(slow, 1),
            baseline_p99_ms=round(baseline, 1),
            slowest_ms=round(1000 * max(during), 1),
            uploads=len(report.uploaded),
            uploads_failed=but(report.uploads, "200"),
            lost=but(there, "200"),
            strangers=report.strangers.get("403", 0),
            strangers_otherwise=but(report.strangers, "403"),
        )
        assert_unharmed(machine, report)
        assert slow < experiments.p99_limit_ms(baseline)
        assert kept(machine) == before, older.name
        assert read(machine, path, "blog.example.com") == "200"
        assert_works(machine)


def test_edited_settings_are_kept_and_take_effect(server: Machine) -> None:
    file = server.path(CONFIG)
    edited = f"{file.read_text('utf-8')}\n# mine\nupload_rate = 7\n"
    file.write_text(edited, "utf-8")
    for arguments in (("DOMAIN=img.example.com www.img.example.com",), ()):
        assert KEPT in install(server, *arguments)
        assert file.read_text("utf-8") == edited
        default = file.with_name("authsvc.toml.default").read_text("utf-8")
        assert 'extra_hosts = ["www.img.example.com"]' in default
        assert "upload_rate" not in default
    assert "rate=7r/s" in server.run("nginx", "-T").stdout
    assert findings(server)["units"] == [("ok", None)]
    assert_works(server)


def test_another_domain_replaces_the_old_one_in_unedited_settings(server: Machine) -> None:
    said = install(server, "DOMAIN=www.img.example.com")
    assert f"settings: wrote {CONFIG}" in said
    assert "it will answer on https://www.img.example.com" in said
    assert_works(server, "www.img.example.com")
    body = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "http://img.example.com/api/v1/upimg"]
    assert server.run(*body).stdout == "404"


def test_upgrade_without_its_packages_changes_nothing(server: Machine) -> None:
    before, release = files(server), running_release(server)
    server.shell("echo '# newer' >>/root/authsvc/authsvc/__init__.py")
    failed = server.run("make", "install", cwd=PLACE, env={"PIP_FIND_LINKS": "/nowhere"}, check=False)
    assert failed.returncode == 2
    assert "No matching distribution found" in failed.stderr
    assert files(server) == before
    assert running_release(server) == installed_release(server) == release
    assert_works(server)


def test_upgrade_that_refuses_the_settings_changes_nothing(server: Machine) -> None:
    server.shell(f"echo 'nonsense = 3' >>{CONFIG}; cd {PLACE}; {NEWER}")
    with newer_release() as newer:
        put_release(server, newer)
    before, release = files(server), running_release(server)
    failed = server.run("make", "install", cwd=PLACE, check=False, timeout=INSTALL_SECONDS)
    assert failed.returncode == 2
    assert "nonsense" in failed.stderr
    assert running_release(server) == installed_release(server) == release
    assert files(server) == before
    assert_works(server)


def test_release_whose_python_was_removed_is_built_again(server: Machine) -> None:
    server.shell("ln -sfn /usr/bin/python3.0 /usr/local/lib/authsvc/current/bin/python3; systemctl stop authsvc")
    assert server.run("authsvc", "--version", check=False).returncode != 0
    assert "building release" in install(server)
    assert_works(server)


def files(machine: Machine) -> dict[str, Entry]:
    """Return the files of a server, without those of a release that was not finished."""
    found = machine.listing("/etc", "/usr/local")
    unfinished = f"/usr/local/lib/authsvc/releases/(?!{installed_release(machine)})"
    return {path: entry for path, entry in found.items() if entry.kind != "folder" and not re.match(unfinished, path)}
