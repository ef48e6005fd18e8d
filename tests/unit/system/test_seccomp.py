"""Filters for system calls: what a program decides, and that the kernel applies it to the whole process."""

import errno
import platform
import subprocess
import sys

import pytest

from authsvc.system.seccomp import ALLOW, KILL_PROCESS, Condition, Rule, filter_program, install_filter
from authsvc.system.syscalls import ARCHITECTURES, Architecture
from tests.support.bpf import REFUSED, decision, error

X86_64, AARCH64 = ARCHITECTURES["x86_64"], ARCHITECTURES["aarch64"]
X32 = 0x40000000
PREFIX = """
import ctypes, errno, os, socket, struct, threading
from authsvc.system.linux import refuse_new_privileges, system_call
from authsvc.system.seccomp import Rule, filter_program, install_filter, this_architecture
from authsvc.system.syscalls import Architecture

def allowing_all_but(*refused):
    # The program of a test must be able to end, and to write what coverage measured.
    found = this_architecture()
    rules = [Rule(str(number)) for number in range(500) if number not in refused]
    return filter_program(rules, Architecture(found.audit_number, {str(n): n for n in range(500)}))

SOCKET = {"x86_64": 41, "aarch64": 198}[os.uname().machine]
"""


def run(code: str) -> str:
    """Run code in another process; return what it prints."""
    command = [sys.executable, "-c", PREFIX + code]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


@pytest.fixture(params=[X86_64, AARCH64], ids=["x86_64", "aarch64"])
def architecture(request: pytest.FixtureRequest) -> Architecture:
    found = request.param
    assert isinstance(found, Architecture)
    return found


def test_call_without_a_rule_is_refused(architecture: Architecture) -> None:
    program = filter_program([Rule("read"), Rule("close")], architecture)
    allowed = {number for number in range(600) if decision(program, architecture, number) == ALLOW}
    assert allowed == {architecture.calls["read"], architecture.calls["close"]}
    assert decision(program, architecture, "write") == REFUSED


def test_call_through_another_architectures_interface_kills(architecture: Architecture) -> None:
    (other,) = {X86_64.audit_number, AARCH64.audit_number} - {architecture.audit_number}
    program = filter_program([Rule("read")], architecture)
    assert decision(program, architecture, "read", through=other) == KILL_PROCESS


def test_call_of_x32_is_refused() -> None:
    program = filter_program([Rule(call) for call in X86_64.calls], X86_64)
    assert {decision(program, X86_64, X32 | number) for number in range(600)} == {REFUSED}


def test_rule_may_choose_the_error(architecture: Architecture) -> None:
    program = filter_program([Rule("clone3", error=errno.ENOSYS)], architecture)
    assert decision(program, architecture, "clone3") == error(errno.ENOSYS)


def test_every_condition_must_be_true(architecture: Architecture) -> None:
    rule = Rule("sendto", (Condition(0, 3), Condition(4, 0), Condition(4, 0, is_upper=True)))
    program = filter_program([rule, Rule("read")], architecture)
    assert decision(program, architecture, "sendto", 3, 9, 9, 9, 0, 9) == ALLOW
    assert decision(program, architecture, "sendto", 4, 9, 9, 9, 0, 9) == REFUSED
    assert decision(program, architecture, "sendto", 3, 9, 9, 9, 1, 9) == REFUSED
    assert decision(program, architecture, "sendto", 3, 9, 9, 9, 1 << 32, 9) == REFUSED
    assert decision(program, architecture, "read", 4, 9, 9, 9, 1, 9) == ALLOW


def test_mask_selects_the_bits_of_a_condition(architecture: Architecture) -> None:
    program = filter_program([Rule("mmap", (Condition(2, 0b100, mask=0b110),))], architecture)
    outcomes = [decision(program, architecture, "mmap", 0, 0, bits) for bits in range(8)]
    assert [bits for bits in range(8) if outcomes[bits] == ALLOW] == [0b100, 0b101]


def test_first_rule_that_fits_decides(architecture: Architecture) -> None:
    rules = [Rule("fcntl", (Condition(1, 1),)), Rule("fcntl", (Condition(1, 2),)), Rule("fcntl", error=errno.EINVAL)]
    program = filter_program(rules, architecture)
    outcomes = [decision(program, architecture, "fcntl", 0, command) for command in range(4)]
    assert outcomes == [error(errno.EINVAL), ALLOW, ALLOW, error(errno.EINVAL)]


def test_rule_for_a_call_that_an_architecture_lacks_is_left_out() -> None:
    assert "poll" not in AARCH64.calls
    assert filter_program([Rule("poll")], AARCH64) == filter_program([], AARCH64)


def test_filter_is_for_threads_that_already_run() -> None:
    outcome = run("""
starts = threading.Event()

def open_socket():
    starts.wait()
    try:
        socket.socket()
    except OSError as error:
        print(errno.errorcode[error.errno])

thread = threading.Thread(target=open_socket)
thread.start()
socket.socket().close()
refuse_new_privileges()
install_filter(allowing_all_but(SOCKET))
starts.set()
thread.join()
""")
    assert outcome == "EPERM"


def test_filter_is_not_installed_when_a_thread_has_another_one() -> None:
    outcome = run("""
starts, ends = threading.Event(), threading.Event()

def has_its_own():
    refuse_new_privileges()
    # Without TSYNC: for this thread alone.
    buffer = ctypes.create_string_buffer(allowing_all_but())
    program = struct.pack("HP", len(buffer) // 8, ctypes.addressof(buffer))
    system_call(this_architecture().calls["seccomp"], 1, 0, program)
    starts.set()
    ends.wait()

thread = threading.Thread(target=has_its_own)
thread.start()
starts.wait()
refuse_new_privileges()
try:
    install_filter(allowing_all_but(SOCKET))
except OSError as error:
    print(error.strerror)
ends.set()
thread.join()
socket.socket().close()
""")
    assert outcome == "a thread has another filter"


@pytest.mark.needs_root
def test_kernel_that_refuses_the_filter_is_an_error() -> None:
    outcome = run("""
try:
    install_filter(b"\\0" * 8)
except OSError as error:
    print(errno.errorcode[error.errno])
socket.socket().close()
""")
    assert outcome == "EINVAL"


def test_machine_without_a_table_of_system_calls_has_no_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(OSError, match="Function not implemented"):
        install_filter(b"")
