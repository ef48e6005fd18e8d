"""A copy of the checkout that belongs to an ordinary user, and its `make run`."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.stack import free_port, wait_until
from tests.support.up.processes import assert_gone, descendants

USER = pwd.getpwnam("nobody")
CHECKOUT = Path(__file__).parents[3]
INSTALL_SECONDS = 300.0
"""Enough for pip with a slow index."""


class Tree:
    """A checkout in a folder of its own; `environment` is all that its commands see."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            **{name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "http"))},
        }

    def call(
        self, *command: str, as_root: bool = False, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the tree and return how it went."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=INSTALL_SECONDS,
            user=0 if as_root else USER.pw_uid,
            group=0 if as_root else USER.pw_gid,
            extra_groups=(),
        )

    def authsvc(self, *arguments: str, as_root: bool = False) -> subprocess.CompletedProcess[str]:
        """Run the tree's own `authsvc`."""
        return self.call(str(self.folder / ".venv" / "bin" / "authsvc"), *arguments, as_root=as_root)

    @contextmanager
    def running(self, data_dir: Path, *, as_root: bool = False) -> Iterator["Run"]:
        """Run `make run` until the context ends; then no process may be left."""
        run = Run(self, ["make", "run", f"PORT={free_port()}", f"DATA_DIR={data_dir}"], as_root=as_root)
        try:
            run.wait_for_greeting()
            yield run
        finally:
            run.end()


class Run:
    """One `make run` and what it prints."""

    def __init__(self, tree: Tree, command: Sequence[str], *, as_root: bool) -> None:
        self._screen = tree.folder / f"screen-{free_port()}"
        with self._screen.open("w") as screen:
            self.process = subprocess.Popen(
                command,
                cwd=tree.folder,
                env=tree.environment,
                stdin=subprocess.DEVNULL,
                stdout=screen,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=0 if as_root else USER.pw_uid,
                group=0 if as_root else USER.pw_gid,
                extra_groups=(),
            )

    @property
    def output(self) -> str:
        """All that it has printed so far."""
        return self._screen.read_text()

    def wait_for_greeting(self) -> None:
        """Wait until it shows how to upload."""
        wait_until(
            lambda: "  curl " in self.output or self.process.poll() is not None, "it greets", seconds=INSTALL_SECONDS
        )
        assert self.process.poll() is None, self.output

    def end(self) -> None:
        """Stop it with SIGTERM; nothing may be left."""
        family = descendants(self.process.pid)
        self.process.send_signal(signal.SIGTERM)
        try:
            assert_gone(family)
        finally:
            self.process.wait(60)


@contextmanager
def copied_checkout() -> Iterator[Tree]:
    """Copy what git knows of the checkout, for a user who owns nothing else."""
    folder = Path(tempfile.mkdtemp(prefix="asv-", dir="/tmp"))
    try:
        for name in _files():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, target)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, USER.pw_uid, USER.pw_gid)
        folder.chmod(0o755)
        yield Tree(folder)
    finally:
        shutil.rmtree(folder)


def _files() -> list[str]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and (CHECKOUT / name).is_file()]
