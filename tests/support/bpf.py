"""Run a filter for system calls as the kernel does, for any architecture."""

import errno
import struct

from authsvc.system.syscalls import Architecture


def error(number: int) -> int:
    """Return the decision that lets a call fail with this error."""
    return 0x00050000 | number


REFUSED = error(errno.EPERM)


def decision(
    program: bytes, architecture: Architecture, call: str | int, *arguments: int, through: int | None = None
) -> int:
    """Return what a program decides about a call with these arguments; `through`: another architecture's interface."""
    number = architecture.calls[call] if isinstance(call, str) else call
    interface = architecture.audit_number if through is None else through
    words = struct.pack("=IIQ6Q", number, interface, 0, *arguments, *[0] * (6 - len(arguments)))
    instructions = list(struct.iter_unpack("=HBBI", program))
    at = word = 0
    while True:
        code, if_equal, if_not, value = instructions[at]
        at += 1
        if code == 0x20:  # load
            (word,) = struct.unpack_from("=I", words, value)
        elif code == 0x54:  # and
            word &= value
        elif code == 0x15:  # jump if equal
            at += if_equal if word == value else if_not
        else:
            assert code == 0x06  # return
            return int(value)
