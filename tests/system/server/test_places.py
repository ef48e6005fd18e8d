"""An installation in other folders than the default ones."""

from tests.support.server.checkout import PLACE, put_files
from tests.support.server.kept import built_release, file_facts, installable, put_release
from tests.support.server.machine import Machine
from tests.support.server.visits import assert_works, findings, install, prepare, read

AUTHSVC = "/opt/authsvc/bin/authsvc"
FOLDERS = ("/etc", "/opt", "/srv", "/usr/local", "/root/authsvc")


def seen(machine: Machine) -> dict[str, object]:
    """Return the files that an installation could change, without SQLite's files beside an open catalog."""
    return {path: entry for path, entry in machine.listing(*FOLDERS).items() if not path.endswith(("-shm", "-wal"))}


def put_release_for(machine: Machine, prefix: str) -> None:
    """Put the release into another folder than the default one."""

    def put(builder: Machine) -> None:
        put_files(builder, installable())

    with built_release("elsewhere", file_facts(installable()), put, PLACE, prefix=prefix) as releases:
        put_release(machine, releases, prefix=prefix)


def test_other_folders_work_and_are_remembered(fresh: Machine) -> None:
    checkout = fresh.listing("/root/authsvc")
    put_release_for(fresh, "/opt/authsvc")
    install(fresh, "DOMAIN=img.example.com pics.example.org", "PREFIX=/opt/authsvc", "STATE_DIR=/srv/pictures")
    assert fresh.listing("/root/authsvc") == checkout
    prepare(fresh, AUTHSVC)
    path = assert_works(fresh)
    assert fresh.path(f"/srv/pictures/blobs{path}").is_file()
    assert read(fresh, path, "blog.example.com", "pics.example.org") == "200"
    assert (
        fresh.shell("ls -d /var/lib/authsvc* /usr/local/lib/authsvc /usr/local/bin/authsvc 2>/dev/null || true") == ""
    )

    before, started = seen(fresh), fresh.shell("systemctl show authsvc -p MainPID")
    assert "nginx: everything is in place already" in install(fresh)
    after = seen(fresh)
    assert {path for path in {*before, *after} if before.get(path) != after.get(path)} == set()
    assert fresh.shell("systemctl show authsvc -p MainPID") == started

    fresh.reboot()
    assert_works(fresh)
    checks = findings(fresh, AUTHSVC)
    assert {check for check, found in checks.items() if found != [("ok", None)]} <= {"certificate", "clock"}, checks

    said = fresh.run("make", "uninstall", cwd="/root/authsvc").stdout
    assert "/srv/pictures" in said
    assert fresh.shell("find /opt ! -type d") == ""
    assert fresh.path(f"/srv/pictures/blobs{path}").is_file()
