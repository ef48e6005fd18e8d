"""One round of reads on one server, and what it cost."""

import json
import os
import re
import secrets
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

SERVER_CORE: Final = 0
LOAD_CORE: Final = 1
BROWSER: Final = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 "
    "Safari/537.36",
    "Accept": "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
}
FETCH: Final = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
_SCRIPT: Final = Path(__file__).with_name("reads.lua")


@dataclass(frozen=True)
class Target:
    """What is read: a server, the file of request targets, and how.

    `processes` are the server's, whose processor time counts; `service` is the
    product's among them, or 0. `new_hosts` begins made-up hosts, another in each
    request; "" for the Referer of `headers`.
    """

    port: int
    targets: Path
    processes: tuple[int, ...]
    headers: Mapping[str, str] = field(default_factory=dict)
    connections: int = 32
    is_refused: bool = False
    new_hosts: str = ""
    tls: bool = False
    service: int = 0


@dataclass(frozen=True)
class Round:
    """Reads per second, the 99th percentile of their times, microseconds of processor a read.

    `busy` is the share of one core that the server took: 1.0 is saturated. `service_busy` is the product's
    service's part of it.
    """

    rate: float
    p99_ms: float
    microseconds: float
    busy: float
    service_busy: float


class Failed(Exception):
    """Reads got wrong answers, so the round has no meaning."""


def measure(target: Target, *, seconds: int) -> Round:
    """Read for that long. Raises Failed."""
    before, service_before = processor_time(target.processes), processor_time((target.service,))
    said = _h2load(target, seconds) if target.tls else _wrk(target, seconds)
    spent = processor_time(target.processes) - before
    reads = said["reads"]
    refused = reads if target.is_refused else 0
    if not reads or said["broken"] or said["refused"] != refused:
        msg = f"{target}: {said}"
        raise Failed(msg)
    return Round(
        rate=reads / said["seconds"],
        p99_ms=said["p99_ms"],
        microseconds=spent / reads,
        busy=spent / said["seconds"] / 1e6,
        service_busy=(processor_time((target.service,)) - service_before) / said["seconds"] / 1e6,
    )


def pin(processes: Iterable[int]) -> None:
    """Put processes, with all their threads, on the server's core."""
    for process in processes:
        for thread in Path(f"/proc/{process}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {SERVER_CORE})


def workers(master: int) -> tuple[int, ...]:
    """Return the numbers of an nginx's workers, without those that only end what an older one began."""
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    return tuple(int(child) for child in children if _title(child) == "nginx: worker process")


def _title(process: str) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_text().rstrip("\0")
    except OSError:  # it has just ended
        return ""


def _wrk(target: Target, seconds: int) -> dict[str, float]:
    command = ["taskset", "-c", str(LOAD_CORE), "wrk", "-t1", f"-c{target.connections}", f"-d{seconds}s"]
    command += ["--timeout", "10s", "-s", str(_SCRIPT)]
    for name, value in target.headers.items():
        command += ["-H", f"{name}: {value}"]
    command += [f"http://127.0.0.1:{target.port}/", "--", str(target.targets)]
    if target.new_hosts:
        command.append(target.new_hosts + secrets.token_hex(4))
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 60)
    said: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return said


def _h2load(target: Target, seconds: int) -> dict[str, float]:
    """Read over HTTP/2, ten requests at once on each connection."""
    command = ["taskset", "-c", str(LOAD_CORE), "h2load", "-t1", f"-c{target.connections}", "-m10", f"-D{seconds}"]
    log = target.targets.with_suffix(".h2load")
    log.unlink(missing_ok=True)
    command += ["-i", str(target.targets), f"--log-file={log}", f"--base-uri=https://127.0.0.1:{target.port}"]
    for name, value in target.headers.items():
        command += ["-H", f"{name.lower()}: {value}"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 60).stdout
    codes = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", said)
    broken = re.search(r"(\d+) errored, (\d+) timeout", said)
    rate = re.search(r"finished in .*?, ([0-9.]+) req/s", said)
    if codes is None or rate is None or broken is None:
        raise Failed(said)
    times = sorted(int(line.split("\t")[2]) for line in log.read_text().splitlines())
    good, refused = int(codes[1]), sum(int(code) for code in codes.groups()[1:])
    return {
        "reads": good + refused,
        "seconds": (good + refused) / float(rate[1]),
        "refused": refused,
        "broken": int(broken[1]) + int(broken[2]),
        "p99_ms": times[len(times) * 99 // 100] / 1000,
    }


def processor_time(processes: Iterable[int]) -> float:
    """Return the microseconds of processor that processes have had so far, with all threads that still live."""
    nanoseconds = 0
    for process in filter(None, processes):
        for thread in Path(f"/proc/{process}/task").iterdir():
            # The kernel's Documentation/scheduler/sched-stats.rst: the first is time spent on a processor.
            nanoseconds += int((thread / "schedstat").read_text().split()[0])
    return nanoseconds / 1000
