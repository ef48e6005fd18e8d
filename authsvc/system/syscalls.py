"""Numbers of system calls: of those that a rule of ours names.

From Linux' asm/unistd_64.h (x86_64) and asm-generic/unistd.h (aarch64). Numbers never change.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_AUDIT_ARCH_X86_64: Final = 0xC000003E  # linux/audit.h
_AUDIT_ARCH_AARCH64: Final = 0xC00000B7


@dataclass(frozen=True, slots=True)
class Architecture:
    """An architecture: how the kernel names it to filters, and its system calls by name."""

    audit_number: int
    calls: Mapping[str, int]


_NUMBERS: Final[dict[str, tuple[int | None, int | None]]] = {
    "read": (0, 63),
    "write": (1, 64),
    "readv": (19, 65),
    "writev": (20, 66),
    "pread64": (17, 67),
    "pwrite64": (18, 68),
    "lseek": (8, 62),
    "fstat": (5, 80),
    "newfstatat": (262, 79),
    "close": (3, 57),
    "dup": (32, 23),
    "fcntl": (72, 25),
    "ioctl": (16, 29),
    "ftruncate": (77, 46),
    "fadvise64": (221, 223),
    "poll": (7, None),
    "ppoll": (271, 73),
    "select": (23, None),
    "pselect6": (270, 72),
    "recvmsg": (47, 212),
    "recvfrom": (45, 207),
    "sendto": (44, 206),
    "mmap": (9, 222),
    "munmap": (11, 215),
    "mprotect": (10, 226),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "brk": (12, 214),
    "futex": (202, 98),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "getcpu": (309, 168),
    "set_robust_list": (273, 99),
    "rseq": (334, 293),
    "clone": (56, 220),
    "clone3": (435, 435),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "tgkill": (234, 131),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "getrusage": (98, 165),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "getppid": (110, 173),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "uname": (63, 160),
    "sysinfo": (99, 179),
    "getrandom": (318, 278),
    "prctl": (157, 167),
    "prlimit64": (302, 261),
    "seccomp": (317, 277),
}


def _architecture(audit_number: int, column: int) -> Architecture:
    calls = {name: numbers[column] for name, numbers in _NUMBERS.items()}
    return Architecture(audit_number, {name: number for name, number in calls.items() if number is not None})


ARCHITECTURES: Final = {
    "x86_64": _architecture(_AUDIT_ARCH_X86_64, 0),
    "aarch64": _architecture(_AUDIT_ARCH_AARCH64, 1),
}
"""By the names of uname(2)."""
