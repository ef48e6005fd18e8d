"""What a worker that was taken over would try. Runs in a worker's place; needs nothing but Python.

Imported at the start of each Python process, before any code of the product, where `attacks.json` is beside it. In a
worker it waits until the worker has confined itself, tries everything, and writes the outcomes to a file. Then the
worker goes on as usual. See tests/support/decoder/ambush.py.
"""

import ctypes
import errno
import fcntl
import json
import mmap
import os
import resource
import signal
import socket
import sqlite3
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

PROGRAM = "authsvc.imaging.decoder.process"
DONE = "done"
LIBC = ctypes.CDLL(None, use_errno=True)
# The same number on all architectures, or by the machine's name.
CLONE3, IO_URING_SETUP = 435, 425
PROCESS_VM_READV = {"x86_64": 310, "aarch64": 270}
TGKILL = {"x86_64": 234, "aarch64": 131}
LAST_CALL = 480
PROBES = {335, 336}
"""The kernel makes these calls itself, before any filter, and ends a process that makes them without a probe."""
PTRACE_SEIZE = 0x4206
CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG, PR_SET_DUMPABLE = 1, 4
FIGETBSZ = 2
OWN_SOCKET = 0
ADD_TOKEN = "INSERT INTO tokens (name, fingerprint, scope, created_at) VALUES ('attack', 'attack', 'admin', 1)"

SPARE = ("spare-1", "spare-2", "spare-folder")
"""Files and a folder to move, delete and remove."""

Targets = dict[str, Any]
"""Paths of `catalog`, `picture`, `socket` and `blobs`, a folder with `SPARE` in it; `abstract`, a name;
`port`; and `outcomes`, a file to write.

`without`: the parts of the confinement that are left out.
"""


def outcome(attempt: Callable[[], object]) -> str:
    """Return the result: done, or the name of the error."""
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    except sqlite3.Error as error:
        return str(error)
    return DONE


def call(name: str, *arguments: object) -> int:
    """Call a function of the C library that returns -1 for an error."""
    result = getattr(LIBC, name)(*arguments)
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(result)


def in_child(attempt: Callable[[], object]) -> None:
    """Run the attempt in a child, because it would change this process; if there can be no child, in this process."""
    try:
        child = os.fork()
    except OSError:
        attempt()
        return
    if child == 0:
        status = 0
        try:
            attempt()
        except OSError as error:
            status = error.errno or 255
        os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        raise OSError(status, os.strerror(status))


def write_token(catalog: str) -> None:
    """Add a token that may do everything."""
    connection = sqlite3.connect(catalog)
    with connection:
        connection.execute(ADD_TOKEN)
    connection.close()


def opened(path: str, flags: int) -> None:
    """Open a file and close it."""
    os.close(os.open(path, flags, 0o600))


def connect(family: int, address: str | tuple[str, int], kind: int = socket.SOCK_STREAM) -> None:
    """Connect to a socket."""
    with socket.socket(family, kind) as connection:
        connection.connect(address)


def spawn() -> None:
    """Start a program."""
    os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)


def read_memory(process: int) -> None:
    """Read a byte of another process."""
    local = ctypes.create_string_buffer(1)
    here, there = ((ctypes.c_size_t * 2)(address, 1) for address in (ctypes.addressof(local), 4096))
    one, none = ctypes.c_ulong(1), ctypes.c_ulong(0)
    call("syscall", PROCESS_VM_READV[os.uname().machine], process, here, one, there, one, none)


def fork() -> None:
    """Start a process that ends."""
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def set_own_priority_of(process: int) -> None:
    """Set the priority of another process, to what it is."""
    os.setpriority(os.PRIO_PROCESS, process, os.getpriority(os.PRIO_PROCESS, process))


def set_own_limit_of(process: int) -> None:
    """Set a limit of another process, to what it is."""
    resource.prlimit(process, resource.RLIMIT_CORE, resource.prlimit(process, resource.RLIMIT_CORE))


def clone_by_the_newer_call() -> None:
    """Start a process with clone3(2)."""
    arguments = (ctypes.c_uint64 * 8)(0, 0, 0, 0, int(signal.SIGCHLD), 0, 0, 0)
    child = call("syscall", CLONE3, arguments, ctypes.sizeof(arguments))
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def run_written_memory(memory: mmap.mmap) -> None:
    """Make memory executable."""
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    call("mprotect", ctypes.c_void_p(address), mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_EXEC)


def attempts(targets: Targets, passed: int) -> dict[str, Callable[[], object]]:
    """Return everything that is tried, by name. `passed` is a descriptor of a picture, opened for reading."""
    catalog, picture, blobs = targets["catalog"], targets["picture"], targets["blobs"]
    service = os.getppid()
    machine = os.uname().machine
    new = f"{blobs}/new-{os.getpid()}"
    pages = mmap.PAGESIZE
    memory = mmap.mmap(-1, pages)
    return {
        "write a token into the catalog": partial(write_token, catalog),
        "open the catalog for writing": partial(opened, catalog, os.O_RDWR),
        "read another picture": partial(opened, picture, os.O_RDONLY),
        "list the pictures": partial(os.listdir, blobs),
        "see whether a file exists": partial(os.stat, picture),
        "write a blob": partial(opened, new, os.O_WRONLY | os.O_CREAT),
        "overwrite a picture": partial(opened, picture, os.O_WRONLY),
        "link a picture": partial(os.link, picture, f"{new}-link"),
        "move a picture": partial(os.rename, f"{blobs}/spare-1", f"{blobs}/moved"),
        "delete a picture": Path(blobs, "spare-2").unlink,
        "make a folder": Path(f"{new}-folder").mkdir,
        "remove a folder": Path(blobs, "spare-folder").rmdir,
        "change the mode of a picture": partial(os.chmod, picture, 0o644),
        "open its picture for writing": partial(opened, f"/proc/self/fd/{passed}", os.O_RDWR),
        "change the mode of its picture": partial(os.fchmod, passed, 0o644),
        "change the owner of its picture": partial(os.fchown, passed, os.getuid(), os.getgid()),
        "change the times of its picture": partial(os.utime, passed, (1, 1)),
        "lock its picture": partial(fcntl.flock, passed, fcntl.LOCK_SH | fcntl.LOCK_NB),
        "use an ioctl": partial(fcntl.ioctl, passed, FIGETBSZ, bytes(8)),
        "make a file in memory": lambda: os.close(os.memfd_create("attack")),
        "connect to a socket": partial(connect, socket.AF_UNIX, targets["socket"]),
        "connect to an abstract socket": partial(connect, socket.AF_UNIX, f"\0{targets['abstract']}"),
        "connect by TCP": partial(connect, socket.AF_INET, ("127.0.0.1", targets["port"])),
        "make a pair of sockets": socket.socketpair,
        "signal the service": partial(os.kill, service, signal.SIGCONT),
        "signal a thread of the service": partial(call, "syscall", TGKILL[machine], service, service, 0),
        "signal the service by its descriptor": partial(os.pidfd_open, service),
        "let the kernel signal the service": partial(fcntl.fcntl, OWN_SOCKET, fcntl.F_SETOWN, service),
        "change the priority of the service": partial(set_own_priority_of, service),
        "change the limits of the service": partial(set_own_limit_of, service),
        "trace another process": partial(call, "ptrace", PTRACE_SEIZE, service, 0, 0),
        "open the memory of another process": partial(opened, f"/proc/{service}/mem", os.O_RDWR),
        "read the memory of another process": partial(read_memory, service),
        "start a program": spawn,
        "become a program": partial(in_child, partial(os.execv, "/bin/true", ["true"])),
        "fork": fork,
        "fork by clone3": clone_by_the_newer_call,
        "make a namespace": partial(in_child, partial(call, "unshare", CLONE_NEWUSER)),
        "use io_uring": lambda: os.close(call("syscall", IO_URING_SETUP, 1, ctypes.create_string_buffer(120))),
        "get memory for code": lambda: mmap.mmap(-1, pages, prot=mmap.PROT_READ | mmap.PROT_EXEC).close(),
        "run written memory": partial(run_written_memory, memory),
        "be traced again": partial(call, "prctl", PR_SET_DUMPABLE, 1, 0, 0, 0),
        "outlive the service": partial(call, "prctl", PR_SET_PDEATHSIG, 0, 0, 0, 0),
        "raise its priority": partial(os.setpriority, os.PRIO_PROCESS, 0, 10),
        "change its folder": partial(in_child, partial(os.chdir, "/")),
    }


def refused_numbers(allowed: set[int]) -> dict[int, str]:
    """Call each number that is not allowed, with arguments that fit no rule; return the numbers by their outcome."""
    return {
        number: outcome(partial(call, "syscall", ctypes.c_long(number), *[ctypes.c_long(-1)] * 6))
        for number in range(LAST_CALL)
        if number not in allowed | PROBES
    }


def start_thread() -> None:
    """Start a thread that gets memory, which a worker may do."""
    thread = threading.Thread(target=mmap.mmap, args=(-1, mmap.PAGESIZE))
    thread.start()
    thread.join()


def lie_in_wait(targets: Targets) -> None:
    """Try everything when this worker has confined itself."""
    from authsvc.imaging.decoder import confinement  # noqa: PLC0415 — only in a worker
    from authsvc.system.syscalls import ARCHITECTURES  # noqa: PLC0415 — as above

    without = set(targets["without"])
    prepare, confine = confinement.prepare, confinement.confine
    files: list[int] = []

    def prepare_with_files() -> None:
        files.append(os.open(targets["outcomes"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        files.append(os.open(targets["picture"], os.O_RDONLY))
        if without != {"landlock", "filter"}:
            prepare()

    def confine_and_attack() -> object:
        found = confine()
        calls = ARCHITECTURES[os.uname().machine].calls
        allowed = {number for name, number in calls.items() if name in confinement.ALWAYS_ALLOWED}
        report = {
            "attempts": {name: outcome(attempt) for name, attempt in attempts(targets, files[1]).items()},
            "start a thread": outcome(start_thread),
            "numbers": {} if "filter" in without else refused_numbers(allowed),
        }
        os.write(files[0], json.dumps(report).encode())
        for file in files:
            os.close(file)
        return found

    replacements: dict[str, object] = {"prepare": prepare_with_files, "confine": confine_and_attack}
    if "landlock" in without:
        replacements["restrict_thread"] = lambda **_: 0
    if "filter" in without:
        replacements["_install_filter"] = lambda: False
    vars(confinement).update(replacements)


if PROGRAM in sys.orig_argv:
    lie_in_wait(json.loads(Path(__file__).with_name("attacks.json").read_text()))
