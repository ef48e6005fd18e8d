"""A service that has to stop completes the uploads that wait for its disk."""

import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.pictures import picture
from tests.support.stack import Stack, wait_until
from tests.support.times import shortened
from tests.support.upload.catalog import digests
from tests.support.upload.watch import wait_until_clean
from tests.support.upload.wire import part, send_form

UPLOADS = 5
TIMES = shortened("service_grace", to=0.25)


@contextmanager
def slow_disk(service: int, seconds: float, log: Path) -> Iterator[None]:
    """Delay each fsync of the service by so many seconds."""
    slowed = ["-e", "trace=fsync", "-e", f"inject=fsync:delay_enter={seconds:.0f}s"]
    command = ["strace", "-f", *slowed, "-o", str(log), "-p", str(service)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        assert "attached" in tracer.stderr.readline()
        try:
            yield
        finally:
            tracer.terminate()


@pytest.mark.waits_for("service_grace")
@pytest.mark.parametrize("seconds", [1, TIMES.service_grace + 2], ids=["a second each", "longer than its grace each"])
def test_service_that_stops_loses_no_upload_to_a_slow_disk(tmp_path: Path, seconds: float) -> None:
    log = tmp_path / "calls"
    contents = [picture() for _ in range(UPLOADS)]
    with Stack(times=TIMES, upload_rate=1000, upload_burst=1000) as stack, ThreadPoolExecutor(UPLOADS) as pool:
        stack.upload(picture())
        service = stack.pid("service")
        with slow_disk(service, seconds, log):
            answers = [pool.submit(send_form, stack, part(content)) for content in contents]
            wait_until(lambda: "fsync(" in log.read_text(), "an upload waits for the disk")
            assert not any(answer.done() for answer in answers)
            os.kill(service, signal.SIGTERM)
            for content, answer in zip(contents, answers, strict=True):
                assert answer.result().status == 200, answer.result().body
                assert stack.get(answer.result().json["data"]["path"]).content == content
            wait_until(lambda: not Path(f"/proc/{service}").exists(), "the service has ended")
        assert "(DELAYED)" in log.read_text()
        wait_until_clean(stack)
        assert {answer.result().json["data"]["path"].replace("/", "")[:32] for answer in answers} <= set(digests(stack))
