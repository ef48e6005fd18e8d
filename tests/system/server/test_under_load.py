"""Restarts, reloads and crashes on a busy server fail no request."""

from tests.support.server.machine import Machine
from tests.support.server.underload import Load, assert_unharmed, read_all
from tests.support.stack import wait_until

MORE_THAN_SYSTEMD_TAKES_BY_DEFAULT = 6
"""Starts within 10 s."""
MORE_THAN_NGINX_MAY_OPEN = 4000
"""Files; its workers may open 1,024 each."""
MANY_PICTURES = """\
import grp, hashlib, os, pathlib, pwd, sys
os.setgid(grp.getgrnam("authsvc").gr_gid)
os.setuid(pwd.getpwnam("authsvc").pw_uid)
for number in range(int(sys.argv[1])):
    digest = hashlib.md5(str(number).encode()).hexdigest()
    path = f"/{digest[:2]}/{digest[2:]}.png"
    pathlib.Path(f"/var/lib/authsvc/blobs{path}").write_bytes(str(number).encode())
    print(path)
"""
FAST_WATCHDOG = """\
mkdir /etc/systemd/system/authsvc.service.d
printf '[Service]\\nWatchdogSec=3\\n' >/etc/systemd/system/authsvc.service.d/test.conf
systemctl daemon-reload
systemctl restart authsvc
"""


def main_pid(machine: Machine) -> str:
    return machine.shell("systemctl show authsvc -P MainPID").strip()


def is_active(machine: Machine) -> bool:
    return machine.run("systemctl", "is-active", "authsvc", check=False).stdout == "active\n"


def await_other_service(machine: Machine, than: str) -> None:
    wait_until(
        lambda: main_pid(machine) not in {than, "0"} and is_active(machine),
        "the next process of the service is active",
        seconds=60,
    )


def test_restarts_and_reloads_fail_no_request(server: Machine) -> None:
    with Load(server) as load:
        for _ in range(MORE_THAN_SYSTEMD_TAKES_BY_DEFAULT):
            before = main_pid(server)
            server.shell("systemctl restart authsvc")
            assert main_pid(server) != before
            load.go_on(3)
            server.shell("systemctl reload nginx")
            load.go_on(3)
        report = load.finish()
    assert_unharmed(server, report)


def test_killed_service_is_restarted_and_fails_no_request(server: Machine) -> None:
    with Load(server) as load:
        for _ in range(MORE_THAN_SYSTEMD_TAKES_BY_DEFAULT):
            before = main_pid(server)
            # Stopped first, so that uploads are under way when it is killed.
            server.run("kill", "-STOP", before)
            load.go_on(50, kinds=["reads"])
            server.run("kill", "-KILL", before)
            await_other_service(server, before)
            load.go_on(3)
        report = load.finish()
    assert_unharmed(server, report)


def test_frozen_service_is_restarted_and_fails_no_request(server: Machine) -> None:
    server.shell(FAST_WATCHDOG)
    with Load(server) as load:
        before = main_pid(server)
        server.run("kill", "-STOP", before)
        await_other_service(server, before)
        report = load.finish()
    assert_unharmed(server, report)
    assert "Watchdog timeout" in server.shell("journalctl -b -u authsvc --no-pager")


def test_more_pictures_can_be_read_than_nginx_may_open(server: Machine) -> None:
    paths = server.run("python3", "-c", MANY_PICTURES, str(MORE_THAN_NGINX_MAY_OPEN)).stdout.split()
    assert read_all(server, paths) == {"200": len(paths)}
