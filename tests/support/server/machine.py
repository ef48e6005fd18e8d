"""A Debian server for a test: systemd, nginx and a loopback without a network."""

import os
import secrets
import select
import signal
import socket
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Self

from tests.support.server.debian import debian_root
from tests.support.server.disk import Disk, Entry, Layers
from tests.support.server.entered import ENVIRONMENT, Entered, finished
from tests.support.server.leftovers import PREFIX, control_groups, remove_group, sweep
from tests.support.server.wheels import wheelhouse

BOOT_SECONDS = 60.0
POWER_OFF_SECONDS = 120.0
"""More than the 90 s after which systemd kills what does not stop."""
COMMAND_SECONDS = 120.0
POWER_OFF = signal.SIGRTMIN + 4
"""The signal at which systemd as process 1 does the same as `systemctl poweroff`."""
Variables = Mapping[str, str] | None
ENTER_GROUPS = 'while [ "$1" != -- ]; do echo $$ >"$1"; shift; done; shift; exec "$@"'
OFF_DISK = {"dev", "proc", "run", "sys", "tmp"}


class Machine:
    """A server, at first switched off. A context manager.

    Its disk is a copy on write of `base` (by default the Debian that has only the
    documented packages). `binds` maps folders of this computer to their places in the
    machine, where they are read-only; the locked packages are in /wheels. When the
    context ends, no process, mount or file is left.
    """

    def __init__(self, *, base: Layers | None = None, binds: Mapping[Path, str] | None = None) -> None:
        self.name = f"{PREFIX}{os.getpid()}-{secrets.token_hex(3)}"
        self._base = base or Layers((debian_root(),))
        self._binds = {wheelhouse(): "/wheels", **(binds or {})}
        self._undo = ExitStack()
        self._started: list[Entered] = []
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._leader = 0

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            sweep()
            folder = Path("/tmp", self.name)
            folder.mkdir(mode=0o700)
            undo.callback(folder.rmdir)
            self._disk = Disk(folder, self._base)
            undo.callback(self._disk.close)
            self._name_disk()
            self._console = self._disk.folder / "console"
            self._console.touch()
            self._groups = control_groups(self.name)
            for group in self._groups:
                group.mkdir()
                undo.callback(remove_group, group)
            undo.callback(self.kill)
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def boot(self) -> None:
        """Switch on; return when all units have started, or failed to."""
        self._switch_on("--notify-ready=yes", "--boot")
        state = self.run("systemctl", "is-system-running", "--wait", check=False, timeout=BOOT_SECONDS)
        assert state.stdout.strip() in {"running", "degraded"}, f"{state.stdout}{state.stderr}\n{self.console}"

    def power_off(self) -> None:
        """Shut down as `systemctl poweroff` does, or wait for a shutdown that has begun; return when it is off."""
        assert self._nspawn, f"{self.name} is off"
        self._end_started()
        self._signal(POWER_OFF)
        self._await_off()

    def reboot(self) -> None:
        """Shut down cleanly and boot again from the same disk."""
        self.power_off()
        self.boot()

    def kill(self) -> None:
        """Cut the power if it is on."""
        self._end_started()
        if self._nspawn:
            # When process 1 ends, every process in the machine ends.
            self._signal(signal.SIGKILL)
            self._await_off()

    def snapshot(self) -> Layers:
        """Shut down if running, and return the disk as it is now, to base other machines on.

        It lasts until this machine's context ends. What this machine writes later is not in it.
        """
        if self._nspawn:
            self.power_off()
        return self._disk.freeze()

    def run(
        self,
        *command: str | Path,
        check: bool = True,
        env: Variables = None,
        user: str | None = None,
        cwd: str = "/",
        stdin: str | None = None,
        timeout: float = COMMAND_SECONDS,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the booted machine and return its exit status and output.

        `env` is added to a clean environment, `user` is a user of the machine.
        With `check` a failure is an AssertionError that shows the output.
        """
        inside = self._inside(command, env, user, cwd)
        return finished([*self._entrance(), *inside], command, check=check, stdin=stdin, timeout=timeout)

    def shell(self, text: str, *, timeout: float = COMMAND_SECONDS) -> str:
        """Run shell commands in the booted machine, which must all succeed; return their standard output."""
        return self.run("sh", "-ec", text, timeout=timeout).stdout

    def start(self, *command: str | Path, env: Variables = None, user: str | None = None, cwd: str = "/") -> Entered:
        """Start a command in the booted machine that runs beside the test.

        Its `stdout` has both output streams. Signals go to the command. Switching
        the machine off kills it first.
        """
        inside = self._inside(command, env, user, cwd)
        process = Entered([*self._entrance(), *inside], stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        self._started.append(process)
        return process

    def chroot(
        self, *command: str | Path, check: bool = True, env: Variables = None, timeout: float = COMMAND_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on the disk of the machine while it is off: no systemd, no network. See run."""
        assert not self._nspawn, f"{self.name} is on: use run()"
        inside = self._inside(command, env, None, "/")
        nspawn = self._nspawn_command("--as-pid2", "--pipe")
        return finished([*nspawn, *inside], command, check=check, stdin=None, timeout=timeout)

    def path(self, inside: str) -> Path:
        """Return the path on this computer of a file of the machine.

        Absolute links on the way lead out of the machine. What is not on its disk
        (/run, /tmp, /proc …) can be reached until it is switched off.
        """
        relative = inside.lstrip("/")
        if self._leader and relative.partition("/")[0] in OFF_DISK:
            return Path(f"/proc/{self._leader}/root", relative)
        return self._disk.root / relative

    def listing(self, *folders: str) -> dict[str, Entry]:
        """Return what is in and below `folders`, by path in the machine. Missing folders have no entry."""
        found = {}
        for folder in folders:
            top = self.path(folder)
            for at, folders_there, files in os.walk(top):
                for path in (Path(at), *(Path(at, name) for name in (*folders_there, *files))):
                    found[str(Path("/", folder, path.relative_to(top)))] = Entry.of(path)
        return found

    @property
    def console(self) -> str:
        """The last lines that the machine wrote to its console."""
        return self._console.read_text("utf-8", errors="backslashreplace")[-8000:]

    def _name_disk(self) -> None:
        """Give the disk the names that differ from machine to machine."""
        with self.path("/etc/hosts").open("a", encoding="ascii") as hosts:
            hosts.write(f"127.0.1.1 {self.name}\n")
        self.path("/etc/hostname").write_text(f"{self.name}\n", "ascii")
        # Without one, systemd would treat every boot as the first one, which resets units.
        self.path("/etc/machine-id").write_text(f"{uuid.uuid4().hex}\n", "ascii")

    def _nspawn_command(self, *options: str) -> list[str]:
        """Return the command that starts a program on the disk, in control groups of the machine's own."""
        binds = [f"--bind-ro={str(outside).replace(':', chr(92) + ':')}:{at}" for outside, at in self._binds.items()]
        groups = [str(group / "cgroup.procs") for group in self._groups]
        nspawn = ["systemd-nspawn", "--quiet", "-D", str(self._disk.root), f"--machine={self.name}"]
        # Independent of this computer's systemd, in which nothing is left either.
        apart = ["--register=no", "--keep-unit", "--settings=no", "--link-journal=no", "--private-network"]
        plain = ["--resolv-conf=off", "--timezone=off", "--rlimit=RLIMIT_NOFILE=1024:524288"]
        # A server's kernel allows these to everybody; nspawn's own filter does not know them.
        landlock = ["--system-call-filter=landlock_create_ruleset landlock_restrict_self"]
        return ["sh", "-ec", ENTER_GROUPS, "sh", *groups, "--", *nspawn, *apart, *plain, *landlock, *binds, *options]

    def _entrance(self) -> list[str]:
        assert self._leader, f"{self.name} is off"
        return ["nsenter", "--all", f"--target={self._leader}", "--root", "--wd", "--"]

    def _inside(self, command: tuple[str | Path, ...], env: Variables, user: str | None, cwd: str) -> list[str]:
        """Return the command as a user with a clean environment."""
        users = dict(line.split(":", 1) for line in self.path("/etc/passwd").read_text("utf-8").splitlines())
        _, uid, gid, _, home, _ = users[user or "root"].split(":")
        become = ["/usr/bin/setpriv", "--reuid", uid, "--regid", gid, "--init-groups"] if user else []
        variables = [f"{name}={value}" for name, value in {**ENVIRONMENT, "HOME": home, **(env or {})}.items()]
        return [*become, "/usr/bin/env", "-i", "-C", cwd, *variables, *(str(word) for word in command)]

    def _switch_on(self, *arguments: str) -> None:
        """Start process 1 with nspawn; return when it reports that it is ready, or, if it is not systemd, runs."""
        assert self._nspawn is None, f"{self.name} runs already"
        notify = self._disk.folder / "notify"
        notify.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready, self._console.open("ab") as console:
            ready.bind(str(notify))
            self._nspawn = subprocess.Popen(
                self._nspawn_command(*arguments),
                env={**ENVIRONMENT, "NOTIFY_SOCKET": str(notify), "SYSTEMD_NSPAWN_TMPFS_TMP": "0"},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._await_ready(ready, self._nspawn.pid)

    def _await_ready(self, ready: socket.socket, nspawn: int) -> None:
        """Wait until process 1 reports that it is ready; fail at once if it ends before."""
        deadline = monotonic() + BOOT_SECONDS
        ended = os.pidfd_open(nspawn)
        try:
            message = ""
            while "READY=1" not in message.splitlines():
                readable, _, _ = select.select([ready.fileno(), ended], [], [], max(0.0, deadline - monotonic()))
                assert ready.fileno() in readable, f"{self.name} did not boot within {BOOT_SECONDS} s:\n{self.console}"
                message = ready.recv(4096).decode()
                if "X_NSPAWN_LEADER_PID=" in message:
                    self._leader = int(message.partition("X_NSPAWN_LEADER_PID=")[2].split()[0])
        finally:
            os.close(ended)

    def _signal(self, number: int) -> None:
        """Send a signal to process 1 of the machine, or to nspawn if it has not started that yet."""
        assert self._nspawn
        if self._nspawn.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self._leader or self._nspawn.pid, number)

    def _end_started(self) -> None:
        """End what `start` started: systemd would wait for it when it powers off."""
        while self._started:
            with self._started.pop() as process:
                process.kill()

    def _await_off(self) -> None:
        assert self._nspawn
        try:
            self._nspawn.wait(POWER_OFF_SECONDS)
        except subprocess.TimeoutExpired:
            message = f"{self.name} was not off within {POWER_OFF_SECONDS} s:\n{self.console}"
            raise AssertionError(message) from None
        self._nspawn, self._leader = None, 0


@contextmanager
def booted(base: Layers) -> Iterator[Machine]:
    """Give a running server whose disk is a copy of `base`."""
    with Machine(base=base) as machine:
        machine.boot()
        yield machine
