"""What a machine leaves on this computer when the test run that booted it is killed."""

import fcntl
import os
import signal
from contextlib import suppress
from pathlib import Path

from tests.support.server.cache import cache
from tests.support.server.steps import run_step
from tests.support.stack import wait_until

PREFIX = "asm-"
"""A machine's name: this, the process that runs its test, and a random part."""


def control_groups(name: str) -> list[Path]:
    """Return where the control groups of that name are, or would be, under each layout that systemd knows."""
    roots = [Path("/sys/fs/cgroup", layout) for layout in ("", "unified", "systemd")]
    return [root / name for root in roots if (root / "cgroup.procs").exists()]


def remove_group(group: Path) -> None:
    """Remove a control group as soon as its last process has ended."""

    def is_removed() -> bool:
        with suppress(OSError):
            for folder, _, _ in os.walk(group, topdown=False):
                Path(folder).rmdir()
        return not group.exists()

    wait_until(is_removed, f"no process in {group}", seconds=60)


def sweep() -> None:
    """Remove the machines of test runs that were killed before they could do it."""
    with (cache() / "sweep.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for folder in Path("/tmp").glob(f"{PREFIX}[0-9]*-*"):
            if not Path("/proc", folder.name.split("-")[1]).exists():
                _sweep(folder)


def _sweep(folder: Path) -> None:
    for group in control_groups(folder.name):
        for processes in group.rglob("cgroup.procs"):
            for pid in processes.read_text("utf-8").split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
        if group.exists():
            remove_group(group)
    if folder.is_mount():
        run_step("umount", "--recursive", folder)
    folder.rmdir()
