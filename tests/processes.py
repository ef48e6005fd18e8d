"""What processes and all that they have started take of a processor."""

import os
from contextlib import suppress
from pathlib import Path


def family(*roots: int) -> list[int]:
    """Return processes and those that they have started, and these, as far as they run."""
    found = list(roots)
    for process in found:
        # A process or thread may just have ended.
        with suppress(FileNotFoundError):
            for task in Path(f"/proc/{process}/task").iterdir():
                with suppress(FileNotFoundError):
                    found += map(int, (task / "children").read_text().split())
    return found


def processor_seconds(*roots: int) -> float:
    """Return what a family has had of a processor so far, with threads and processes of it that have ended."""
    ticks = 0
    for process in family(*roots):
        with suppress(FileNotFoundError, ProcessLookupError):
            # proc_pid_stat(5): utime, stime, and cutime and cstime of children that were waited for
            # are fields 14 to 17, counted from before the name in brackets.
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")
