"""What a worker may do once its libraries are loaded: use its memory, its threads and the files that it is given.

A list of what is allowed, not of what is forbidden: a system call that Linux gets tomorrow is refused, too.
"""

import errno
import fcntl
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

from authsvc.system.landlock import restrict_thread
from authsvc.system.linux import hide_memory, refuse_new_privileges
from authsvc.system.seccomp import Condition, Rule, filter_program, install_filter, this_architecture

MAX_DESCRIPTORS: Final = 64
"""A worker has its standard streams, and for each job the files of that job."""
OOM_SCORE: Final = 500
"""The worker's address space is limited, so it is the best process to end when the machine has no memory left."""

_CLONE_THREAD: Final = 0x10000
# CLONE_NEWTIME, -NS, -CGROUP, -UTS, -IPC, -USER, -PID, -NET, linux/sched.h
_CLONE_NAMESPACES: Final = 0x7E020080
_PROT_EXEC: Final = 4
_AT_EMPTY_PATH: Final = 0x1000
_PR_SET_NAME: Final = 15
_FCNTL_COMMANDS: Final = (fcntl.F_DUPFD, fcntl.F_DUPFD_CLOEXEC, fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_GETFL)

ALWAYS_ALLOWED: Final = (
    # The files and the socket that it was given. None of these can open another one.
    *("read", "write", "readv", "writev", "pread64", "pwrite64", "lseek", "fstat", "ftruncate", "fadvise64", "close"),
    *("dup", "recvmsg", "recvfrom", "poll", "ppoll", "select", "pselect6"),
    # Memory; see below for what may be in it.
    *("munmap", "mremap", "madvise", "brk"),
    # Threads, which GLib starts and ends when it likes.
    *("futex", "set_robust_list", "rseq", "sched_yield", "sched_getaffinity", "getcpu", "exit"),
    # Signals to itself, and the end. A paused process that goes on needs restart_syscall.
    *("rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall", "exit_group"),
    # Clocks and facts about itself, and random numbers.
    *("clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "getrusage"),
    *("getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "uname", "sysinfo", "getrandom"),
)


@dataclass(frozen=True, slots=True)
class Confinement:
    """What the kernel provides to confine a worker."""

    has_filter: bool
    landlock_version: int
    """0: no Landlock."""

    @property
    def gaps(self) -> list[str]:
        """The parts that are missing, for operators."""
        gaps = [] if self.has_filter else ["the kernel refuses a filter for system calls (seccomp)"]
        return gaps if self.landlock_version else [*gaps, "the kernel has no Landlock"]

    def to_message(self) -> bytes:
        """Return it as the first message of a worker, which is ready then."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_message(cls, message: bytes) -> Self:
        """Read what `to_message` returned. Raises ValueError for anything else."""
        match json.loads(message):
            case {"has_filter": bool(has_filter), "landlock_version": int(version), **others} if not others:
                return cls(has_filter=has_filter, landlock_version=version)
        raise ValueError


def prepare() -> None:
    """Take away what a worker does not even need to load its libraries. Call it before a second thread exists."""
    _raise_oom_score()
    hide_memory()
    refuse_new_privileges()
    # It holds for this thread and those that it starts, so it comes before libraries start threads.
    restrict_thread(reads=False)


def confine() -> Confinement:
    """Take away everything else, once the libraries have opened every file that they need. It cannot be undone."""
    # First: the filter refuses the system calls of Landlock.
    landlock_version = restrict_thread(reads=True)
    return Confinement(has_filter=_install_filter(), landlock_version=landlock_version)


def filter_rules(process: int) -> list[Rule]:
    """Return the rules for the system calls of the process with this number."""
    return [
        *map(Rule, ALWAYS_ALLOWED),
        # Memory, but no new code in it.
        *(Rule(call, (Condition(2, 0, mask=_PROT_EXEC),)) for call in ("mmap", "mprotect")),
        # Threads, but no processes and no namespaces. A filter cannot read the arguments of clone3, which are in
        # memory; after ENOSYS the C library uses clone.
        Rule("clone", (Condition(0, _CLONE_THREAD, mask=_CLONE_THREAD | _CLONE_NAMESPACES),)),
        Rule("clone3", error=errno.ENOSYS),
        # Signals to itself: abort(3) ends a process in this way.
        Rule("tgkill", (Condition(0, process),)),
        # Older C libraries have no other fstat. The filter cannot see the path, so the worker can ask whether a file
        # exists, but not open it.
        Rule("newfstatat", (Condition(3, _AT_EMPTY_PATH),)),
        # Not F_SETOWN, with which the kernel sends signals in the name of the process, and no locks.
        *(Rule("fcntl", (Condition(1, command),)) for command in _FCNTL_COMMANDS),
        # Only to the other end of its socket, not to an address.
        Rule("sendto", (Condition(4, 0), Condition(4, 0, is_upper=True))),
        Rule("prctl", (Condition(0, _PR_SET_NAME),)),
        # Its own limits, to read them.
        Rule("prlimit64", (Condition(0, 0), Condition(2, 0), Condition(2, 0, is_upper=True))),
        # Libraries ask whether a descriptor is a terminal.
        Rule("ioctl", error=errno.ENOTTY),
    ]


def _install_filter() -> bool:
    try:
        install_filter(filter_program(filter_rules(os.getpid()), this_architecture()))
    except OSError:
        return False
    return True


def _raise_oom_score() -> None:
    # OSError: without /proc, which a container may lack. The worker has another limit on its memory.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE), "ascii")
