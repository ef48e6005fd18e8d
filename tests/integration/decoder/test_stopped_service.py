"""A service that is stopped and continued, as by a paused virtual machine, fails no job that its worker has done."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.support.decoder.pool import processes, saved
from tests.support.stack import wait_until
from tests.support.up.processes import status_of

LIMIT_SECONDS = 3

SERVICE = """
import asyncio, sys
from pathlib import Path
from tests.support.decoder.pool import check, outcome, pool, run, until_asked

async def main():
    picture = Path(sys.argv[1])
    async with pool(seconds=float(sys.argv[2])) as workers:
        await check(workers, picture)
        print("started", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        job = asyncio.create_task(outcome(check(workers, picture)))
        await until_asked()
        print("asked", flush=True)
        print(repr(await job), flush=True)

run(main)
"""


def test_answer_that_waits_when_the_service_continues_counts(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SERVICE, str(saved(tmp_path)), str(LIMIT_SECONDS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as service:
        try:
            assert service.stdin is not None
            assert service.stdout is not None
            assert service.stdout.readline() == "started\n"
            (worker,) = processes(service.pid)
            os.kill(worker, signal.SIGSTOP)
            service.stdin.write("\n")
            service.stdin.flush()
            assert service.stdout.readline() == "asked\n"
            os.kill(service.pid, signal.SIGSTOP)
            wait_until(lambda: status_of(service.pid)["State"].startswith("T"), "the service is stopped")
            stopped_at = time.monotonic()
            os.kill(worker, signal.SIGCONT)
            wait_until(lambda: time.monotonic() > stopped_at + LIMIT_SECONDS + 1, "the job's time is over")
            os.kill(service.pid, signal.SIGCONT)
            assert service.stdout.readline() == "None\n"
        finally:
            service.kill()
