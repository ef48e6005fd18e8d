"""One round of bench/uploads.py: load on one way, and what it cost."""

import json
import os
import secrets
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bench.upload_pictures import Halves
from bench.upload_ways import BENCH, Way
from tests.support.up.processes import processor_seconds, status_of

_UPLOAD_PATH = "/api/v1/upimg"
_TIMEOUT_SECONDS = 30
_SETTLED_SECONDS = 0.3


@dataclass(frozen=True)
class Round:
    """What one round has shown: rates per second, times in milliseconds, memory in bytes.

    Processor times are per upload, `service_ms` with all that decodes
    for it, `workers_ms` that alone; `client_share` is how busy the load generator kept a core, 1.0
    being as much as it can.
    """

    rate: float
    p50_ms: float
    p99_ms: float
    nginx_ms: float
    service_ms: float
    workers_ms: float
    client_share: float
    rss_before: int
    rss_behind: int
    rss_peak: int


class FailedError(Exception):
    """Uploads were refused or lost, so the round has no meaning."""


def measure(way: Way, picture: Halves, *, clients: int, seconds: int) -> Round:
    """Load `way` with distinct pictures; every one must be there afterwards. Raises FailedError."""
    reload_done(way)
    way.forget()
    rss_before = _memory(way.service, "VmRSS")
    if way.service:
        Path(f"/proc/{way.service}/clear_refs").write_text("5")  # proc_pid_clear_refs(5): the peak
    before = _processor_ms(way.nginx), _processor_ms(way.service), os.times(), _own_ms(way.service)
    command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", f"--timeout={_TIMEOUT_SECONDS}s"]
    command += ["-s", str(BENCH / "upload_load.lua"), f"http://127.0.0.1:{way.port}{_UPLOAD_PATH}", "--"]
    command += [str(picture.front), str(picture.back), way.form, _UPLOAD_PATH, way.token, secrets.token_hex(8)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 60)
    said = json.loads(done.stdout.splitlines()[-1])
    client = os.times()
    uploads, kept = int(said["uploads"]), reload_done(way)
    if said["refused"] or said["broken"] or not uploads <= kept <= uploads + clients:
        message = f"{way.name}: {said}, {kept} pictures"
        raise FailedError(message)
    measured = Round(
        rate=uploads / said["seconds"],
        p50_ms=said["p50_ms"],
        p99_ms=said["p99_ms"],
        nginx_ms=(_processor_ms(way.nginx) - before[0]) / uploads,
        service_ms=(_processor_ms(way.service) - before[1]) / uploads,
        workers_ms=(_processor_ms(way.service) - before[1] - (_own_ms(way.service) - before[3])) / uploads,
        client_share=(
            client.children_user + client.children_system - before[2].children_user - before[2].children_system
        )
        / said["seconds"],
        rss_before=rss_before,
        rss_behind=_memory(way.service, "VmRSS"),
        rss_peak=_memory(way.service, "VmHWM"),
    )
    way.forget()
    os.sync()
    return measured


def reload_done(way: Way) -> int:
    """Wait until the uploads that the load generator abandoned are done; return how many pictures there are."""
    counts = [-2, -1]
    while counts[-1] != counts[-2]:
        time.sleep(_SETTLED_SECONDS)
        counts.append(way.count())
    return counts[-1]


def _processor_ms(process: int) -> float:
    return 1000 * processor_seconds(process) if process else 0.0


def _own_ms(process: int) -> float:
    """Return the processor time of a process without its children, in which the time of ended ones is not counted."""
    if not process:
        return 0.0
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return 1000 * sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")  # utime and stime: proc_pid_stat(5)


def _memory(process: int, name: str) -> int:
    if not process:
        return 0
    return int(status_of(process)[name].split()[0]) * 1024
