"""A command in a machine, as this computer starts it."""

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "PIP_NO_INDEX": "1",
    "PIP_FIND_LINKS": "/wheels",
}
"""A command in a machine gets only these variables and HOME."""


class Entered(subprocess.Popen[str]):
    """A command in a machine, started by a program that enters it and then waits."""

    def __init__(self, command: list[str], *, stdin: int, stderr: int) -> None:
        output = subprocess.PIPE
        super().__init__(
            command, env=ENVIRONMENT, stdin=stdin, stdout=output, stderr=stderr, text=True, errors="backslashreplace"
        )

    def send_signal(self, sig: int) -> None:
        """Send a signal to the command itself; the program that waits for it goes on, and collects it."""
        with suppress(ProcessLookupError, FileNotFoundError):
            children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text("ascii").split()
            for child in children:
                os.kill(int(child), sig)
            # nsenter stops itself when its command is stopped.
            super().send_signal(signal.SIGCONT if children else sig)


def finished(
    entered: list[str], command: Sequence[str | Path], *, check: bool, stdin: str | None, timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; `entered` is the whole command, `command` its part to show in a failure."""
    shown = " ".join(map(str, command))
    with Entered(entered, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            stdout, stderr = process.communicate(stdin, timeout)
        except subprocess.TimeoutExpired as expired:
            process.kill()
            message = f"{shown}\ndid not end within {timeout} s:\n{expired.stdout!r}\n{expired.stderr!r}"
            raise AssertionError(message) from None
    assert not check or process.returncode == 0, f"{shown}\nfailed with {process.returncode}:\n{stdout}\n{stderr}"
    return subprocess.CompletedProcess(shown, process.returncode, stdout, stderr)
