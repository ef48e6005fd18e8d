"""nginx's processes, as they come and go at reloads."""

from contextlib import suppress
from pathlib import Path

from tests.nginx.site_list import change_sites, map_of, status_for
from tests.stack import Stack, wait_until


def workers(stack: Stack) -> set[int]:
    """Return nginx's workers that take requests, not those that are ending."""
    return {pid for pid in _children(stack) if b"worker process" in (title := _title(pid)) and b"shutting" not in title}


def family(stack: Stack) -> dict[str, int]:
    """Return nginx's processes by title and number."""
    found = {f"{_title(pid).decode().removeprefix('nginx: ')} {pid}": pid for pid in _children(stack)}
    return {"master": stack.pid("nginx"), **found}


def await_reload(stack: Stack, before: set[int]) -> None:
    """Return when only other workers than `before` take requests."""
    wait_until(lambda: (found := workers(stack)) and not found & before, "nginx has new workers", seconds=30)


def add_site(stack: Stack, path: str, host: str) -> None:
    """Add a site; return when nginx was reloaded with it."""
    before = workers(stack)
    change_sites(stack, add=[host])
    await_reload(stack, before)
    assert f"\\{host} 1;" in map_of(stack)
    assert status_for(stack, path, host) == 200


def remove_site(stack: Stack, path: str, host: str) -> None:
    """Remove a site; return when nginx was reloaded without it."""
    before = workers(stack)
    change_sites(stack, remove=[host])
    await_reload(stack, before)
    assert f"\\{host} 1;" not in map_of(stack)
    assert status_for(stack, path, host) == 403


def _children(stack: Stack) -> list[int]:
    master = stack.pid("nginx")
    return [int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()]


def _title(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0 ")
    return b""
