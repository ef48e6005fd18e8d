"""nginx's processes, as they come and go at reloads."""

import os
import time
from contextlib import suppress
from pathlib import Path

from tests.support.nginx.site_list import change_sites, map_of, status_for
from tests.support.stack import Stack, wait_until


def workers(stack: Stack) -> set[int]:
    """Return nginx's workers that take requests, not those that are ending."""
    return {pid for pid in _children(stack) if b"worker process" in (title := _title(pid)) and b"shutting" not in title}


def family(stack: Stack) -> dict[str, int]:
    """Return nginx's processes by title and number."""
    found = {f"{_title(pid).decode().removeprefix('nginx: ')} {pid}": pid for pid in _children(stack)}
    return {"master": stack.pid("nginx"), **found}


def await_reload(stack: Stack, before: set[int]) -> float:
    """Return, when only other workers than `before` take requests, the moment at which the last of them began."""
    found: set[int] = set()

    def has_new_workers() -> bool:
        nonlocal found
        found = workers(stack)
        return bool(found) and not found & before

    wait_until(has_new_workers, "nginx has new workers")
    return max(map(_began, found))


def add_site(stack: Stack, path: str, host: str) -> float:
    """Add a site; return, when nginx was reloaded with it, the moment of that."""
    before = workers(stack)
    change_sites(stack, add=[host])
    moment = await_reload(stack, before)
    assert f"\\{host} 1;" in map_of(stack)
    assert status_for(stack, path, host) == 200
    return moment


def remove_site(stack: Stack, path: str, host: str) -> float:
    """Remove a site; return, when nginx was reloaded without it, the moment of that."""
    before = workers(stack)
    change_sites(stack, remove=[host])
    moment = await_reload(stack, before)
    assert f"\\{host} 1;" not in map_of(stack)
    assert status_for(stack, path, host) == 403
    return moment


def _began(pid: int) -> float:
    """Return when a process began, on the monotonic clock, as exact as proc_pid_stat(5): to 10 ms."""
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    # Counted from the boot, with the time that the machine slept.
    slept = time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()
    return ticks / os.sysconf("SC_CLK_TCK") - slept


def _children(stack: Stack) -> list[int]:
    master = stack.pid("nginx")
    return [int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()]


def _title(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0 ")
    return b""
