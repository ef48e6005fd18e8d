"""Commands of authsvc that are killed at one of their system calls.

strace stops a process at each of its system calls, and loading the product takes
thousands. So one process loads it, and each command runs in a fork of that
process, which strace traces from the first step of the command.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from tempfile import TemporaryFile
from types import TracebackType
from typing import NoReturn, Self

# A deadline that only a fault exceeds.
ATTACH_SECONDS = 60.0


class Commands:
    """A process that has loaded the product and runs commands. A context manager."""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", __name__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._process:  # the end of its input ends it
            pass

    def kill(self, arguments: Sequence[str], environment: Mapping[str, str], *, call: str, at: int) -> bool:
        """Kill a command at its `at`-th `call`; return whether it made that many."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        json.dump([list(arguments), dict(environment), call, at], self._process.stdin)
        print(file=self._process.stdin, flush=True)
        status, said = json.loads(self._process.stdout.readline())
        assert status in {0, -signal.SIGKILL}, said
        return bool(status)


def _traced(pid: int, call: str, at: int) -> int:
    """Trace a child that waits in `_run`, and return its exit status."""
    kills = ["-e", f"inject={call}:signal=KILL:when={at}", "-e", "inject=getppid:retval=0"]
    strace = ["strace", "-qq", "-o", "/dev/null", "-e", f"trace={call},getppid", *kills, "-p", str(pid)]
    with subprocess.Popen(strace):
        _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def _run(arguments: Sequence[str], environment: Mapping[str, str], output: int) -> NoReturn:
    """Run a command in this fork as soon as strace changes the result of getppid(2)."""
    from authsvc.cli import main  # noqa: PLC0415 — only the process that runs commands loads it

    for stream in (1, 2):
        os.dup2(output, stream)
    deadline = time.monotonic() + ATTACH_SECONDS
    while os.getppid() != 0:
        if time.monotonic() > deadline:
            os._exit(1)
        time.sleep(0.001)
    os.environ.update(environment)
    sys.argv[1:] = arguments
    status = 1
    try:
        main()
    except SystemExit as end:
        status = int(end.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _serve() -> None:
    import authsvc.cli.nginx  # noqa: F401, PLC0415 — before the forks

    for line in sys.stdin:
        arguments, environment, call, at = json.loads(line)
        with TemporaryFile("w+") as said:
            pid = os.fork()
            if pid == 0:
                _run(arguments, environment, said.fileno())
            status = _traced(pid, call, at)
            said.seek(0)
            print(json.dumps([status, said.read()]), flush=True)


if __name__ == "__main__":
    _serve()
