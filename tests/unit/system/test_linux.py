"""What a process gives up by prctl(2), as the kernel shows it to others."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from authsvc.system.linux import refuse_new_privileges, system_call


def status() -> dict[str, str]:
    lines = Path("/proc/thread-self/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def test_thread_gets_no_new_privileges() -> None:
    with ThreadPoolExecutor(1) as one:
        before = one.submit(status).result()
        one.submit(refuse_new_privileges).result()
        assert (before["NoNewPrivs"], one.submit(status).result()["NoNewPrivs"]) == ("0", "1")


def test_no_other_process_of_the_user_can_trace_it_afterwards() -> None:
    get_dumpable = 3
    code = f"""
import ctypes
from authsvc.system.linux import hide_memory
before = ctypes.CDLL(None).prctl({get_dumpable}, 0, 0, 0, 0)
hide_memory()
print(before, ctypes.CDLL(None).prctl({get_dumpable}, 0, 0, 0, 0))
"""
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout == "1 0\n"


def test_refused_call_is_an_error() -> None:
    with pytest.raises(OSError, match="Function not implemented"):
        system_call(100_000)


def test_priority_of_every_thread_is_lowered() -> None:
    code = """
import os, threading
from authsvc.system.linux import lower_priority
end = threading.Event()
thread = threading.Thread(target=end.wait)
thread.start()
before = os.getpriority(os.PRIO_PROCESS, 0)
lower_priority(3)
print(os.getpriority(os.PRIO_PROCESS, 0) - before, os.getpriority(os.PRIO_PROCESS, thread.native_id) - before)
end.set()
"""
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout == "3 3\n"
