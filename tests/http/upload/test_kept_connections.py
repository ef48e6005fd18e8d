"""An upload meets the end of a service to which nginx has kept many connections."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from tests.support.faults.nginx import workers
from tests.support.faults.service import stopped
from tests.support.nginx.wire import Wire
from tests.support.pictures import picture
from tests.support.stack import Stack, wait_until
from tests.support.upload.catalog import write_lock
from tests.support.upload.watch import metric

KEPT = 12
"""Connections that nginx keeps to a service that then dies: more than nginx would try."""


def test_upload_survives_a_service_that_dies_with_many_kept_connections() -> None:
    """nginx sees all of them close at once, and may try again on one that is closed."""
    with Stack(nginx_workers=1) as stack, ThreadPoolExecutor(KEPT + 1) as clients, ExitStack() as lock:
        known = stack.upload(picture())
        lock.enter_context(write_lock(stack))
        content = picture()
        with stopped(stack.pid("service")):
            newcomers = [clients.submit(newcomer, stack, known, at) for at in range(KEPT)]
            wait_until(lambda: connections_of(stack) >= KEPT, "all ask")
            # Last, because what a process opened last ends first.
            upload = clients.submit(stack.upload, content)
            wait_until(lambda: connections_of(stack) > KEPT, "the upload asks as well")
        assert {newcomer.result() for newcomer in newcomers} == {403}
        wait_until(lambda: metric(stack, "authsvc_uploads_under_way") == 1, "the upload waits for its row")
        (worker,) = workers(stack)
        with stopped(worker):
            os.kill(service := stack.pid("service"), signal.SIGKILL)
            wait_until(lambda: not Path(f"/proc/{service}").exists(), "it has ended")
            lock.close()
        assert stack.get(upload.result(timeout=60)).content == content


def newcomer(stack: Stack, path: str, number: int) -> int:
    with Wire(stack.port) as wire:
        return wire.ask(path, {"Referer": f"https://new{number}.example/"}).status


def connections_of(stack: Stack) -> int:
    """Count the connections to the service's socket, accepted or waiting; proc_pid_net(5)."""
    lines = Path("/proc/net/unix").read_text().splitlines()
    return sum(line.endswith(f" {stack.data_dir}/run/authsvc.sock") for line in lines) - 1
