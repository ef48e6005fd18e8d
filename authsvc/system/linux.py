"""System calls of Linux that Python's standard library lacks."""

import ctypes
import os
import signal
import time
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1  # prctl(2)
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38
_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2
_TIMEX_BYTES: Final = 208
_MAXERROR_OFFSET: Final = 24
_LONG_BYTES: Final = 8
# Loaded here, because a child between fork and exec must not load anything.
_libc: Final = ctypes.CDLL(None, use_errno=True)


def system_call(number: int, *arguments: object) -> int:
    """Make a system call that the C library has no function for: syscall(2). Integers need their C type, or fit an int.

    Raises OSError.
    """
    result: int = _libc.syscall(ctypes.c_long(number), *arguments)
    return _checked(result)


def signal_when_parent_dies(number: signal.Signals) -> None:
    """Let the kernel send this process a signal when its parent dies, also when the parent is killed: prctl(2).

    A parent that has died before the call is not noticed: compare os.getppid() afterwards.
    """
    _libc.prctl(_PR_SET_PDEATHSIG, number)


def refuse_new_privileges() -> None:
    """Let no program that this process starts give it more rights: prctl(2). Filters for system calls need this."""
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def hide_memory() -> None:
    """Let no other process of this user read or trace this process, and write no core dump: prctl(2)."""
    _checked(_libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0))


def lower_priority(niceness: int) -> None:
    """Lower the priority of this process by so much, in all of its threads: nice(2) changes only the thread's own."""
    for task in Path("/proc/self/task").iterdir():
        thread = int(task.name)
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + niceness)


def processor_seconds_of(pid: int) -> float:
    """Return the CPU time that a process has used so far; 0 when it has ended."""
    clock = ctypes.c_int()
    # clock_getcpuclockid(3) costs a hundredth of reading /proc; Python offers it for threads only.
    if _libc.clock_getcpuclockid(pid, ctypes.byref(clock)) != 0:
        return 0.0
    try:
        return time.clock_gettime(clock.value)
    except OSError:
        return 0.0


def return_free_memory() -> None:
    """Give memory that the C library keeps for later use back to the system: malloc_trim(3)."""
    _libc.malloc_trim(0)


def exchange_names(one: Path, other: Path) -> bool:
    """Let two paths change places in one step: renameat2(2). Return False where the file system cannot do this."""
    status: int = _libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    return status == 0


def clock_error_us() -> int | None:
    """Return the kernel's estimate of the clock's largest error in µs (adjtimex(2)); None without an estimate."""
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)
    if ctypes.sizeof(ctypes.c_long) != _LONG_BYTES or _libc.adjtimex(timex) < 0:
        return None
    return ctypes.c_long.from_buffer(timex, _MAXERROR_OFFSET).value


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
