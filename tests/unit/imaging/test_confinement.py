"""The rules for a worker's system calls, on every architecture; on this one real workers are attacked, too."""

import errno

import pytest

from authsvc.imaging.decoder.confinement import ALWAYS_ALLOWED, filter_rules
from authsvc.system.seccomp import ALLOW, filter_program
from authsvc.system.syscalls import ARCHITECTURES, Architecture
from tests.support.bpf import REFUSED, decision, error

OWN, SERVICE = 7, 8
PROT_READ, PROT_WRITE, PROT_EXEC = 1, 2, 4
THREAD = 0x3D0F00
"""The flags with which glibc starts a thread."""
CLONE_NEWUSER, SIGCHLD = 0x10000000, 17
AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW = 0x1000, 0x100
F_DUPFD_CLOEXEC, F_SETFL, F_SETLK, F_SETOWN, F_ADD_SEALS = 1030, 4, 6, 8, 1033
PR_SET_NAME, PR_SET_DUMPABLE = 15, 4
ADDRESS = 0x7F0000000000
CASES: dict[str, tuple[str, tuple[int, ...], int]] = {
    "memory": ("mmap", (0, 4096, PROT_READ | PROT_WRITE), ALLOW),
    "memory with code": ("mmap", (0, 4096, PROT_READ | PROT_EXEC), REFUSED),
    "protect memory": ("mprotect", (ADDRESS, 4096, PROT_READ), ALLOW),
    "make memory executable": ("mprotect", (ADDRESS, 4096, PROT_READ | PROT_EXEC), REFUSED),
    "thread": ("clone", (THREAD,), ALLOW),
    "process": ("clone", (SIGCHLD,), REFUSED),
    "thread in a namespace": ("clone", (THREAD | CLONE_NEWUSER,), REFUSED),
    "newer call for processes": ("clone3", (ADDRESS, 88), error(errno.ENOSYS)),
    "signal to itself": ("tgkill", (OWN, OWN, 6), ALLOW),
    "signal to the service": ("tgkill", (SERVICE, SERVICE, 6), REFUSED),
    "facts about a descriptor": ("newfstatat", (3, ADDRESS, ADDRESS, AT_EMPTY_PATH), ALLOW),
    "facts about a path": ("newfstatat", (3, ADDRESS, ADDRESS, AT_SYMLINK_NOFOLLOW), REFUSED),
    "another descriptor": ("fcntl", (3, F_DUPFD_CLOEXEC, 0), ALLOW),
    "flags": ("fcntl", (3, F_SETFL, 0x2000), REFUSED),
    "lock": ("fcntl", (3, F_SETLK, ADDRESS), REFUSED),
    "signals of a descriptor": ("fcntl", (3, F_SETOWN, SERVICE), REFUSED),
    "seal": ("fcntl", (3, F_ADD_SEALS, 8), REFUSED),
    "send": ("sendto", (0, ADDRESS, 5, 0, 0, 0), ALLOW),
    "send to an address": ("sendto", (0, ADDRESS, 5, 0, ADDRESS, 110), REFUSED),
    "name of a thread": ("prctl", (PR_SET_NAME, ADDRESS), ALLOW),
    "be traced": ("prctl", (PR_SET_DUMPABLE, 1), REFUSED),
    "read a limit": ("prlimit64", (0, 7, 0, ADDRESS), ALLOW),
    "set a limit": ("prlimit64", (0, 7, ADDRESS, 0), REFUSED),
    "read a limit of the service": ("prlimit64", (SERVICE, 7, 0, ADDRESS), REFUSED),
    "ioctl": ("ioctl", (3, 0x5401), error(errno.ENOTTY)),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=list(ARCHITECTURES))
def test_rule_depends_on_the_arguments(architecture: Architecture, name: str) -> None:
    call, arguments, expected = CASES[name]
    program = filter_program(filter_rules(OWN), architecture)
    assert decision(program, architecture, call, *arguments) == expected


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=list(ARCHITECTURES))
def test_all_other_calls_are_refused(architecture: Architecture) -> None:
    program = filter_program(filter_rules(OWN), architecture)
    with_rules = {rule.call for rule in filter_rules(OWN)}
    assert with_rules <= ARCHITECTURES["x86_64"].calls.keys()
    numbers = {architecture.calls[call] for call in with_rules if call in architecture.calls}
    always = {architecture.calls[call] for call in ALWAYS_ALLOWED if call in architecture.calls}
    outcomes = {number: decision(program, architecture, number) for number in range(600)}
    assert {number for number, outcome in outcomes.items() if outcome == ALLOW} - numbers == set()
    assert {outcomes[number] for number in always} == {ALLOW}
    assert {outcomes[number] for number in range(600) if number not in numbers} == {REFUSED}
