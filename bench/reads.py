"""Measure reads through authsvc's nginx beside plain nginx, in one run.

One nginx worker is pinned to core 0 and saturated by wrk on core 1. Rounds
alternate between the cases; the figures are medians, as ratios to plain nginx
sending the same picture with the same response headers. The row `again` is
that rival once more: what it is off 1.00 by is the noise of this machine.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.pictures import noise
from tests.stack import Stack, free_port, wait_until

ROUNDS = 5
SECONDS = 2
CONNECTIONS = 32
PICTURE_BYTES = 10_240

_RIVAL = """
daemon off; user {user}; worker_processes 1; pid {folder}/rival.pid; error_log {folder}/rival.log;
events {{ worker_connections 1024; }}
http {{
    sendfile on; tcp_nopush on; keepalive_requests 10000;
    access_log {folder}/rival-access.log combined buffer=32k flush=1s;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            root {blobs};
            open_file_cache max=10000 inactive=60s; open_file_cache_valid 5s;
            types {{ image/png png; }}
            {headers}
        }}
    }}
}}
"""


@dataclass(frozen=True)
class Case:
    """One way to read; `rates` fills up with requests per second, one a round."""

    name: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    rates: list[float] = field(default_factory=list)


def pin_workers(master: int, core: int) -> None:
    """Put every worker of the nginx `master` on one core."""
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    for child in children:
        os.sched_setaffinity(int(child), {core})


def measure(case: Case) -> float:
    """Return the requests per second of one round."""
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s"]
    for name, value in case.headers.items():
        command += ["-H", f"{name}: {value}"]
    report = subprocess.run([*command, case.url], capture_output=True, text=True, check=True).stdout
    match = re.search(r"Requests/sec:\s+([0-9.]+)", report)
    assert match is not None, report
    return float(match[1])


def main() -> None:
    """Run all cases and print the table."""
    with Stack(nginx_workers=1) as stack, tempfile.TemporaryDirectory(prefix="asv-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        path = stack.upload(noise(PICTURE_BYTES))
        sent = stack.get(path).headers
        copied = ("cache-control", "vary", "x-content-type-options", "content-security-policy")
        headers = " ".join(f'add_header {name} "{sent[name]}";' for name in copied)
        headers += " add_header Cross-Origin-Resource-Policy cross-origin;"
        port = free_port()
        text = _RIVAL.format(user="root", folder=folder, port=port, blobs=stack.data_dir / "blobs", headers=headers)
        Path(folder, "rival.conf").write_text(text)
        rival = subprocess.Popen(["/usr/sbin/nginx", "-c", f"{folder}/rival.conf"])
        try:
            pid = wait_until(lambda: Path(folder, "rival.pid").exists() and rival.pid, "the rival runs")
            pin_workers(pid, 0)
            pin_workers(stack.pid("nginx"), 0)
            plain, known = f"http://127.0.0.1:{port}{path}", stack.base + path
            cases = [
                Case("plain nginx, same headers", plain),
                Case("again", plain),
                Case("known site", known, {"Referer": "http://localhost/post"}),
                Case("no Referer", known),
                Case("/?path=, known site", f"{stack.base}/?path={path}", {"Referer": "http://localhost/post"}),
                Case("hidden", known, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}),
                Case("stranger", known, {"Referer": "https://stranger.example/"}),
            ]
            for _ in range(ROUNDS):
                for case in cases:
                    case.rates.append(measure(case))
        finally:
            rival.terminate()
            rival.wait()
    base = statistics.median(cases[0].rates)
    for case in cases:
        rate = statistics.median(case.rates)
        print(f"{case.name:28} {rate:9.0f} reads/s  {rate / base:5.2f}")


if __name__ == "__main__":
    main()
