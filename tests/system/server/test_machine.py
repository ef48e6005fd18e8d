"""The machines of the server tests: isolated, reproducible, and removed completely."""

import fcntl
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.server.cache import cache
from tests.support.server.machine import Machine
from tests.support.stack import wait_until

# The first test on a computer waits for its Debian to be built.
pytestmark = pytest.mark.timeout(900)
CHECKOUT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with Machine() as made:
        made.boot()
        yield made


def python(text: str, *wrapper: str) -> "subprocess.Popen[str]":
    command = [*wrapper, sys.executable, "-c", text]
    return subprocess.Popen(
        command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def traces(name: str) -> list[str]:
    """Return what is left of a machine: folder, mounts, control groups, and processes with its name."""
    groups = [str(found) for found in Path("/sys/fs/cgroup").glob(f"**/{name}")]
    mounts = [line for line in Path("/proc/self/mountinfo").read_text("utf-8").splitlines() if name in line]
    processes = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if name.encode() in command:
            processes.append(process.name)
    return [*groups, *mounts, *processes, *(str(found) for found in Path("/tmp").glob(f"{name}*"))]


def test_nginx_of_the_distribution_answers_under_every_name(machine: Machine) -> None:
    for name in ("localhost", "img.example.com", "www.img.example.com", "pics.example.org", "blog.example.com"):
        assert "Welcome to nginx" in machine.run("curl", "-fsS", f"http://{name}/").stdout


def test_all_units_start(machine: Machine) -> None:
    assert machine.run("systemctl", "is-system-running").stdout == "running\n"
    assert "Started" in machine.run("journalctl", "--boot", "--unit=nginx", "--no-pager").stdout


def test_only_network_is_the_loopback(machine: Machine) -> None:
    assert [line.split()[0] for line in machine.shell("ip -brief address").splitlines()] == ["lo"]


def test_commands_get_no_variable_of_the_test_run(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVERAGE_PROCESS_START", "/outside")
    seen = machine.run("env", env={"GIVEN": "yes"}).stdout.splitlines()
    assert {line.partition("=")[0] for line in seen} - {"PWD"} == {
        "PATH",
        "LANG",
        "HOME",
        "PIP_NO_INDEX",
        "PIP_FIND_LINKS",
        "GIVEN",
    }


def test_command_gets_its_user_folder_and_input(machine: Machine) -> None:
    done = machine.run("sh", "-c", "id -un; id -Gn; pwd; echo $HOME; cat", user="www-data", cwd="/srv", stdin="text")
    assert done.stdout == "www-data\nwww-data\n/srv\n/var/www\ntext"


def test_failing_command_shows_its_output(machine: Machine) -> None:
    with pytest.raises(AssertionError, match=r"failed with 3:\nseen\n\nalso\n"):
        machine.shell("echo seen; echo also >&2; exit 3")
    assert machine.run("false", check=False).returncode == 1


def test_command_that_takes_too_long_is_killed(machine: Machine) -> None:
    with pytest.raises(AssertionError, match="did not end within"):
        machine.run("sleep", "1000001", timeout=0.5)
    assert machine.run("pgrep", "-f", "[s]leep 1000001", check=False).stdout == ""


def test_started_command_gets_the_signals(machine: Machine) -> None:
    started = machine.start(
        "sh", "-c", "trap 'echo asked to stop; exit 5' USR1; echo ready; while :; do sleep 0.1; done"
    )
    assert started.stdout
    assert started.stdout.readline() == "ready\n"
    started.send_signal(signal.SIGUSR1)
    assert started.communicate(timeout=30)[0] == "asked to stop\n"
    assert started.returncode == 5


def test_locked_packages_install_without_a_network(machine: Machine) -> None:
    machine.shell("python3 -m venv /root/venv; /root/venv/bin/pip install -q starlette uvicorn uvloop")
    assert machine.run("/root/venv/bin/python", "-c", "import uvloop, starlette; print('in')").stdout == "in\n"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("echo changed >/srv/seen/file", id="content"),
        pytest.param("touch --date=2001-01-01 /srv/seen/file", id="time"),
        pytest.param("chmod 600 /srv/seen/file", id="mode"),
        pytest.param("chown www-data /srv/seen/file", id="owner"),
        pytest.param("chgrp www-data /srv/seen/file", id="group"),
        pytest.param("ln -sfn other /srv/seen/link", id="target of a link"),
        pytest.param("rm /srv/seen/file", id="removal"),
        pytest.param("mkdir /srv/seen/folder", id="new folder"),
        pytest.param("rm /srv/seen/file; mkfifo /srv/seen/file", id="kind"),
    ],
)
def test_listing_sees_a_change(machine: Machine, change: str) -> None:
    machine.shell("rm -rf /srv/seen; mkdir /srv/seen; echo original >/srv/seen/file; ln -s file /srv/seen/link")
    before = machine.listing("/srv/seen", "/srv/absent")
    assert set(before) == {"/srv/seen", "/srv/seen/file", "/srv/seen/link"}
    assert machine.listing("/srv/seen") == before
    machine.shell(change)
    assert machine.listing("/srv/seen") != before


def test_files_outside_the_disk_can_be_read_from_this_computer(machine: Machine) -> None:
    machine.shell("echo disk >/srv/there; echo memory >/run/there; echo temporary >/tmp/there")
    inside = ("/srv/there", "/run/there", "/tmp/there")
    assert [machine.path(path).read_text("ascii") for path in inside] == ["disk\n", "memory\n", "temporary\n"]


def test_reboot_keeps_files_and_ends_processes() -> None:
    with Machine() as machine:
        machine.boot()
        boot = machine.shell("cat /proc/sys/kernel/random/boot_id")
        beside = machine.start("sleep", "1000002")
        machine.shell("mv /etc/nginx /etc/moved; mkdir /etc/nginx; cp -a /etc/moved/. /etc/nginx; echo kept >/srv/kept")
        machine.reboot()
        assert beside.poll() == -signal.SIGKILL
        assert machine.shell("cat /srv/kept; pgrep -c sleep || true") == "kept\n0\n"
        assert machine.shell("cat /proc/sys/kernel/random/boot_id") != boot
        assert "Welcome to nginx" in machine.run("curl", "-fsS", "http://localhost/").stdout


def test_snapshot_does_not_get_later_changes() -> None:
    with Machine() as first:
        rename = 'python3 -c \'import os; os.rename("/usr/share/nginx", "/usr/share/renamed")\''
        first.chroot("sh", "-ec", f"echo before >/srv/before; {rename}")
        base = first.snapshot()
        first.boot()
        first.shell("echo after >/srv/after; rm -r /usr/share/renamed")
        with Machine(base=base) as second:
            assert second.chroot("sh", "-ec", "ls /srv /usr/share/renamed").stdout.split() == [
                *("/srv:", "before"),
                *("/usr/share/renamed:", "html", "modules"),
            ]
        assert first.shell("ls /srv") == "after\nbefore\n"


def test_parallel_machines_are_isolated(machine: Machine) -> None:
    with Machine() as other:
        other.boot()
        other.shell("systemctl stop nginx; touch /srv/others /tmp/others /run/others")
        assert machine.run("ls", "/srv/others", "/tmp/others", "/run/others", check=False).stdout == ""
        assert machine.shell("systemctl is-active nginx; hostname").split() == ["active", machine.name]
        assert other.run("curl", "-sS", "http://localhost/", check=False).returncode == 7
        other.power_off()
        assert machine.shell("systemctl is-system-running") == "running\n"


def test_folders_of_this_computer_are_read_only_inside(tmp_path: Path) -> None:
    (tmp_path / "given").write_text("from outside", "ascii")
    with Machine(binds={tmp_path: "/mnt/given"}) as machine:
        machine.boot()
        assert machine.shell("cat /mnt/given/given") == "from outside"
        assert machine.run("touch", "/mnt/given/mine", check=False).returncode != 0


def test_machine_that_does_not_boot_reports_why() -> None:
    with Machine() as machine:
        machine.chroot("ln", "-sf", "/bin/false", "/usr/lib/systemd/systemd")
        with pytest.raises(AssertionError, match="did not boot"):
            machine.boot()


def test_machine_leaves_nothing() -> None:
    with Machine() as machine:
        machine.boot()
        machine.start("sleep", "1000003")
        assert traces(machine.name)
    assert traces(machine.name) == []


def test_next_machine_removes_what_a_killed_test_run_left() -> None:
    text = (
        "import signal; from tests.support.server.machine import Machine\n"
        "with Machine() as machine: machine.boot(); print(machine.name, flush=True); signal.pause()"
    )
    with python(text) as run, (cache() / "sweep.lock").open("w") as lock:
        assert run.stdout
        name = run.stdout.readline().strip()
        # So that no other test run removes it first.
        fcntl.flock(lock, fcntl.LOCK_EX)
        run.kill()
        run.wait()
        assert traces(name)
    with Machine():
        wait_until(lambda: not traces(name), f"nothing is left of {name}", seconds=60)


@pytest.mark.parametrize(
    ("loss", "wrapper", "says"),
    [
        pytest.param("os.setuid(65534)", (), "root: run the tests as root", id="not root"),
        pytest.param(
            "os.environ['PATH'] = '/'", (), "systemd-nspawn: apt-get install systemd-container", id="no nspawn"
        ),
        pytest.param("", ("setpriv", "--bounding-set=-sys_admin"), "the right to mount", id="may not mount"),
    ],
)
def test_computer_that_cannot_boot_machines_reports_what_is_missing(
    loss: str, wrapper: Sequence[str], says: str
) -> None:
    with python(
        f"import os; from tests.support.server.debian import debian_root\n{loss}\ndebian_root()", *wrapper
    ) as run:
        output = run.communicate(timeout=60)[0]
    assert run.returncode == 1
    assert "RuntimeError: tests that boot a Debian need what this computer lacks:\n- " in output
    assert says in output
