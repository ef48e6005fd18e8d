"""What a program in the service's sandbox can do; runs in a machine that has only Python.

The unit starts it instead of the service. It tries everything, then answers
each request on the socket that systemd passed (descriptor 3) with the findings
as JSON. `sandbox_probe.py --print` prints them, for comparison.
"""

import ctypes
import errno
import json
import mmap
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

STATE = Path("/var/lib/authsvc")
LIBC = ctypes.CDLL(None, use_errno=True)
DONE = "done"
ADDR_NO_RANDOMIZE = 0x0040000
CLONES = {"user": 0x10000000, "mount": 0x00020000, "network": 0x40000000, "process": 0x20000000}
PTRACE_TRACEME = 0
MS_BIND = 4096
ACCESSIBLE_PROTECTION = mmap.PROT_READ | mmap.PROT_WRITE
FINDINGS = dict[str, object]


def outcome(attempt: Callable[[], object]) -> str:
    """Return the result: done, or the name of the error."""
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return DONE


def call(name: str, *arguments: object) -> None:
    """Call a function of the C library that returns -1 for an error."""
    if getattr(LIBC, name)(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def write(path: Path) -> None:
    """Open a file for appending; it is created if it is missing."""
    path.open("ab").close()


def mark(folder: Path) -> Path:
    """Return a file name in `folder` that only this probe uses."""
    return folder / f"probe-{os.getpid()}"


def writable_folders() -> list[str]:
    """Return the topmost folders in which a file can be created, without the kernel's own file systems."""
    found = []
    for folder, inside, _ in os.walk("/"):
        if folder == "/":
            inside[:] = [name for name in inside if name not in {"proc", "sys"}]
        if outcome(partial(write, mark(Path(folder)))) == DONE:
            mark(Path(folder)).unlink()
            found.append(folder)
            inside.clear()
    return sorted(found)


def writable_files() -> list[str]:
    """Return the files outside the state folder that can be opened for writing."""
    candidates = (
        Path(folder, name)
        for top in ("/etc", "/usr/local", "/home", "/run", "/proc/sys", "/sys/fs/cgroup", "/sys/kernel")
        for folder, _, names in os.walk(top)
        for name in names
    )
    return sorted(str(path) for path in candidates if path.is_file() and outcome(partial(write, path)) == DONE)


def connect(family: socket.AddressFamily, host: str) -> None:
    """Connect to nginx on this machine."""
    with socket.socket(family, socket.SOCK_STREAM) as plain:
        plain.settimeout(5)
        plain.connect((host, 80))


def open_socket(family: socket.AddressFamily, kind: socket.SocketKind = socket.SOCK_DGRAM) -> None:
    """Create a socket and close it."""
    socket.socket(family, kind).close()


def set_mode(mode: int) -> None:
    """Create a file and give it this mode."""
    path = mark(STATE / "run")
    write(path)
    try:
        path.chmod(mode)
    finally:
        path.unlink()


def make_writable_code_executable() -> None:
    """Allocate memory, write to it, and request that it may be executed."""
    memory = mmap.mmap(-1, mmap.PAGESIZE, prot=ACCESSIBLE_PROTECTION)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    call("mprotect", ctypes.c_void_p(address), mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_EXEC)


def in_child(attempt: Callable[[], None]) -> None:
    """Run the attempt in a child, because it would change this process. Raises the child's OSError."""
    child = os.fork()
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


def attempts() -> dict[str, Callable[[], object]]:
    """Return everything that is tried, by name."""
    nginx = int(sys.argv[1])
    tries: dict[str, Callable[[], object]] = {
        "connect to nginx by IPv4": partial(connect, socket.AF_INET, "127.0.0.1"),
        "connect to nginx by IPv6": partial(connect, socket.AF_INET6, "::1"),
        "IPv4 socket": partial(open_socket, socket.AF_INET),
        "IPv6 socket": partial(open_socket, socket.AF_INET6),
        "netlink socket": partial(open_socket, socket.AF_NETLINK, socket.SOCK_RAW),
        "packet socket": partial(open_socket, socket.AF_PACKET),
        "machine socket": partial(open_socket, socket.AF_VSOCK, socket.SOCK_STREAM),
        "Unix socket": partial(open_socket, socket.AF_UNIX),
        "list homes": partial(os.listdir, "/home/editor"),
        "read a home's file": Path("/home/editor/letter").read_text,
        "read root's file": Path("/root/token").read_text,
        "read the passwords": Path("/etc/shadow").read_text,
        "signal nginx": partial(os.kill, nginx, 0),
        "see nginx": Path(f"/proc/{nginx}/status").read_text,
        "see the kernel's own files": Path("/proc/kallsyms").read_text,
        "become root": partial(in_child, partial(os.setuid, 0)),
        "become nginx's user": partial(in_child, partial(os.setuid, 33)),
        "leave its groups": partial(in_child, partial(os.setgroups, [33])),
        "give a file away": partial(os.chown, STATE / "run/sites.list", 33, -1),
        "set-user-ID": partial(set_mode, 0o4640),
        "set-group-ID": partial(set_mode, 0o2640),
        "mount": partial(call, "mount", b"/etc", b"/tmp", None, MS_BIND, None),
        "change root": partial(in_child, partial(os.chroot, "/tmp")),
        "trace": partial(in_child, partial(call, "ptrace", PTRACE_TRACEME, 0, 0, 0)),
        "memory to write and run": partial(mmap.mmap, -1, mmap.PAGESIZE, prot=ACCESSIBLE_PROTECTION | mmap.PROT_EXEC),
        "run what was written": make_writable_code_executable,
        "make a device": partial(os.mknod, mark(STATE / "run"), stat.S_IFCHR | 0o600, os.makedev(1, 3)),
        "log of the kernel": partial(write, Path("/dev/kmsg")),
        "disks": partial(write, Path("/dev/vda")),
        "real-time priority": partial(in_child, partial(os.sched_setscheduler, 0, os.SCHED_RR, os.sched_param(1))),
        "higher priority": partial(in_child, partial(os.setpriority, os.PRIO_PROCESS, 0, -5)),
        "lower priority": partial(in_child, partial(os.setpriority, os.PRIO_PROCESS, 0, 5)),
        "set the clock": partial(time.clock_settime, time.CLOCK_REALTIME, time.time()),
        "name the machine": partial(socket.sethostname, "captured"),
        "change its personality": partial(in_child, partial(call, "personality", ADDR_NO_RANDOMIZE)),
        "write into its state": partial(set_mode, 0o640),
    }
    for name, flag in CLONES.items():
        tries[f"{name} namespace"] = partial(in_child, partial(call, "unshare", flag))
    return tries


def findings() -> FINDINGS:
    """Try everything."""
    Path("/tmp/left-by-the-probe").touch()
    who = subprocess.run(["/opt/open/root-id", "-u"], capture_output=True, text=True, check=False)
    return {
        "attempts": {name: outcome(attempt) for name, attempt in attempts().items()},
        "writable folders": writable_folders(),
        "writable files": writable_files(),
        "processes": sorted(int(found.name) for found in Path("/proc").glob("[0-9]*")),
        "own process": os.getpid(),
        "devices": sorted(found.name for found in Path("/dev").iterdir()),
        "user after a set-user-ID program": who.stdout.strip(),
    }


def answer_for_ever(text: str) -> None:
    """Tell systemd that the service is ready, and answer on the socket that it passed."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
    listener = socket.socket(fileno=3)
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n"
            connection.sendall((head + text).encode())


if __name__ == "__main__":
    found = json.dumps(findings())
    if sys.argv[2:] == ["--print"]:
        print(found)
    else:
        # The watchdog ends it after 30 s, which is enough.
        answer_for_ever(found)
