"""What the service costs without requests: memory at rest, and the time of its start."""

import os
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bench.load import processor_time
from tests.support.stack import AUTHSVC, wait_until

STARTS: Final = 7
REST_SECONDS: Final = 12
"""As long as the base case's rounds of one case together, so that rare work of the service counts alike in both."""


def measure_service(service: int) -> dict[str, float]:
    """Return the costs at rest of a running service, and the times of starts of others like it.

    Processor in percent of a core, memory in MB, seconds from a start to the first good answer.
    """
    with tempfile.TemporaryDirectory(prefix="asv-", dir="/tmp") as folder:
        first = _start_seconds(Path(folder))
        later = [_start_seconds(Path(folder)) for _ in range(STARTS)]
    memory = _memory(service)
    before = processor_time((service,))
    time.sleep(REST_SECONDS)
    rest = (processor_time((service,)) - before) / REST_SECONDS / 1e6
    return {
        "rest_percent": rest * 100,
        "rss_mb": memory["Rss"],
        "pss_mb": memory["Pss"],
        "first_start_s": first,
        "start_s": statistics.median(later),
        "slowest_start_s": max(later),
    }


def _memory(process: int) -> Mapping[str, float]:
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]
    return {line.split(":")[0]: round(int(line.split()[1]) / 1024, 1) for line in lines}


def _start_seconds(data_dir: Path) -> float:
    """Return the seconds from the start of `authsvc serve` to its first good answer."""
    listener = data_dir / "run" / "authsvc.sock"
    listener.unlink(missing_ok=True)
    begin = time.monotonic()
    with subprocess.Popen(
        [AUTHSVC, "--data-dir", str(data_dir), "serve"], env=os.environ, stderr=subprocess.PIPE
    ) as process:
        try:
            return wait_until(lambda: _is_healthy(listener) and time.monotonic() - begin, "it is healthy", seconds=30)
        finally:
            process.terminate()
            process.wait(30)


def _is_healthy(listener: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(listener))
            connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            return b" 200 " in connection.recv(64)
    except OSError:
        return False
