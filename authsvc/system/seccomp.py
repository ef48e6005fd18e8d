"""Let the kernel refuse system calls for the rest of this process: seccomp(2), with a filter of our own.

A filter is a list of rules; the first one that fits decides, and a call that fits none gets EPERM.
"""

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from authsvc.system.linux import system_call
from authsvc.system.syscalls import ARCHITECTURES, Architecture

ALLOW: Final = 0x7FFF0000  # SECCOMP_RET_ALLOW, linux/seccomp.h
KILL_PROCESS: Final = 0x80000000
_ERRNO: Final = 0x00050000
_SET_MODE_FILTER: Final = 1
_FLAG_TSYNC: Final = 1

# Instructions of classic BPF, linux/bpf_common.h: load a word of the call, mask it, compare it, end.
_LOAD: Final = 0x20
_AND: Final = 0x54
_JUMP_IF_EQUAL: Final = 0x15
_RETURN: Final = 0x06
# struct seccomp_data
_NUMBER_AT: Final = 0
_ARCHITECTURE_AT: Final = 4
_ARGUMENTS_AT: Final = 16
_ARGUMENT_BYTES: Final = 8
_HIGH_HALF: Final = 4
_INSTRUCTION: Final = struct.Struct("=HBBI")
"""struct sock_filter. Jumps are numbers of instructions to leave out."""


class _Program(ctypes.Structure):
    """struct sock_fprog: a number of instructions, and where they are."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


@dataclass(frozen=True, slots=True)
class Condition:
    """The lower 32 bits of an argument, or the upper ones, are `value` after the mask. The first argument is 0."""

    argument: int
    value: int
    mask: int = 0xFFFFFFFF
    is_upper: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """What happens to a system call if all conditions are true: it is allowed, or fails with `error` (errno(3))."""

    call: str
    conditions: tuple[Condition, ...] = ()
    error: int | None = None


def this_architecture() -> Architecture:
    """Return the architecture of this machine. Raises OSError if its system calls are in no table of ours."""
    try:
        return ARCHITECTURES[platform.machine()]
    except KeyError as error:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from error


def filter_program(rules: Iterable[Rule], architecture: Architecture) -> bytes:
    """Return the program for the kernel. A rule for a call that the architecture does not have is left out.

    A call through the interface of another architecture kills the process: its numbers mean other calls.
    Numbers of x32, which x86_64 may also have, are in no rule.
    """
    blocks = [
        _instruction(_LOAD, _ARCHITECTURE_AT),
        _instruction(_JUMP_IF_EQUAL, architecture.audit_number, if_equal=1),
        _instruction(_RETURN, KILL_PROCESS),
        _instruction(_LOAD, _NUMBER_AT),
        *(_block(rule, architecture.calls[rule.call]) for rule in rules if rule.call in architecture.calls),
        _instruction(_RETURN, _ERRNO | errno.EPERM),
    ]
    return b"".join(blocks)


def install_filter(program: bytes) -> None:
    """Apply a program to all threads of this process, also later ones. It cannot be removed.

    The process needs `refuse_new_privileges()` before. Raises OSError when the kernel, or a filter that this
    process already has, does not allow it; no filter is added then.
    """
    filter_ = _Program(len(program) // _INSTRUCTION.size, program)
    # TSYNC: libraries have started threads, and a filter is otherwise for the calling thread only.
    if system_call(this_architecture().calls["seccomp"], _SET_MODE_FILTER, _FLAG_TSYNC, ctypes.byref(filter_)):
        raise OSError(errno.ESRCH, "a thread has another filter")


def _block(rule: Rule, number: int) -> bytes:
    """Return the instructions that apply one rule, or go on to the next one, with the call's number loaded."""
    action = ALLOW if rule.error is None else _ERRNO | rule.error
    tests = b""
    for left, condition in enumerate(reversed(rule.conditions)):
        at = _ARGUMENTS_AT + condition.argument * _ARGUMENT_BYTES + (_HIGH_HALF if condition.is_upper else 0)
        load = _instruction(_LOAD, at) + _instruction(_AND, condition.mask)
        # If not equal: over the conditions that are left and the action.
        tests = load + _instruction(_JUMP_IF_EQUAL, condition.value, if_not=3 * left + 1) + tests
    body = tests + _instruction(_RETURN, action)
    if rule.conditions:
        body += _instruction(_LOAD, _NUMBER_AT)
    return _instruction(_JUMP_IF_EQUAL, number, if_not=len(body) // _INSTRUCTION.size) + body


def _instruction(code: int, value: int, *, if_equal: int = 0, if_not: int = 0) -> bytes:
    return _INSTRUCTION.pack(code, if_equal, if_not, value)
