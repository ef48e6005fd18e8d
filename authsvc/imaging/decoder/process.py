"""A process that decodes pictures, one after the other.

`python -m authsvc.imaging.decoder.process PARENT MEMORY_BYTES` starts it.

It reads one job per line and answers with one line, until its input ends. It never
outlives the process PARENT. It ignores the signals that a terminal or systemd sends to
all processes, because PARENT ends it when there is nothing left to do.
"""

import os
import resource
import select
import signal
import sys
import traceback
from typing import Final

from authsvc.imaging.decoder import vips
from authsvc.imaging.decoder.job import READY, Check, Failure, Job, Result, job_from_line
from authsvc.system.linux import return_free_memory, signal_when_parent_dies

NICENESS: Final = 10
"""Serving pictures and receiving uploads come first."""
IDLE_SECONDS: Final = 1.0
"""After this time without a job, freed memory is returned to the system. Earlier, the next job would need it again."""


def main(arguments: list[str]) -> int:
    """Serve the process `arguments[0]`, with at most `arguments[1]` bytes of address space."""
    parent, memory_bytes = map(int, arguments)
    _end_with(parent)
    # Close everything that the service lets its children inherit.
    os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    vips.set_up()
    # Answers need their own descriptor: libraries print to 1, which would be read as an answer.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    answers.write(READY)
    answers.flush()
    while line := sys.stdin.buffer.readline():
        answers.write(_do(job_from_line(line)).to_line())
        answers.flush()
        if not select.select([0], [], [], IDLE_SECONDS)[0]:
            return_free_memory()
    return 0


def _end_with(parent: int) -> None:
    """Have the kernel end this process with its parent, also when that is killed."""
    signal_when_parent_dies(signal.SIGKILL)
    if os.getppid() != parent:
        # It had already died before the request above.
        sys.exit(1)


def _do(job: Job) -> Result:
    try:
        return vips.check(job) if isinstance(job, Check) else vips.make_size(job)
    except Exception:  # noqa: BLE001 — the service logs every error
        return Result(Failure.UNEXPECTED, traceback.format_exc())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
