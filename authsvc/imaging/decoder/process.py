"""A process that decodes pictures, one after the other.

`python -m authsvc.imaging.decoder.process PARENT MEMORY_BYTES` starts it.

It reads a job a line and answers a line, until its input ends. It is nothing
but a means of the process PARENT: it never outlives it, and takes no signal that
a terminal or systemd sends to all of them, because PARENT ends it when it has
no more to do.
"""

import ctypes
import os
import resource
import select
import signal
import sys
import traceback
from typing import Final

from authsvc.imaging.decoder import vips
from authsvc.imaging.decoder.job import READY, Check, Failure, Job, Result, job_of_line

NICENESS: Final = 10
"""Serving and taking uploads come first."""
REST_SECONDS: Final = 1.0
"""After so long without a job memory is given back; the next job would need it again."""
_PR_SET_PDEATHSIG: Final = 1  # prctl(2)


def main(arguments: list[str]) -> int:
    """Serve the process `arguments[0]`, with `arguments[1]` bytes of address space at the most."""
    parent, memory_bytes = map(int, arguments)
    libc = ctypes.CDLL(None, use_errno=True)
    _end_with(parent, libc)
    # Whatever the service lets its children inherit.
    os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    vips.set_up()
    # Not where libraries print to: what they say would be taken for an answer.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    answers.write(READY)
    answers.flush()
    while line := sys.stdin.buffer.readline():
        answers.write(_do(job_of_line(line)).to_line())
        answers.flush()
        if not select.select([0], [], [], REST_SECONDS)[0]:
            libc.malloc_trim(0)
    return 0


def _end_with(parent: int, libc: ctypes.CDLL) -> None:
    """Have the kernel end this process with its parent, also when that is killed."""
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        # It has died before the kernel was told.
        sys.exit(1)


def _do(job: Job) -> Result:
    try:
        return vips.check(job) if isinstance(job, Check) else vips.make_size(job)
    except Exception:  # noqa: BLE001 — whatever it is, it is told to whoever has a log
        return Result(Failure.FAULT, traceback.format_exc())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
