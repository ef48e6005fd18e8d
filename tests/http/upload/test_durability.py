import re
import subprocess
from pathlib import Path

import pytest

from tests.support.pictures import picture
from tests.support.stack import Stack, wait_until
from tests.support.upload.catalog import is_use_noted
from tests.support.upload.wire import part, send_form

ANSWER = r" (sendto|sendmsg|write|writev)\(.*HTTP/1\.1 200 OK"
CALLS = "link,linkat,fsync,fdatasync,sendto,sendmsg,write,writev"


@pytest.fixture
def calls(narrow: Stack, tmp_path: Path) -> list[str]:
    """The service's system calls during one upload, one in each line."""
    narrow.upload(picture())  # so that the log of the catalog exists
    wait_until(lambda: is_use_noted(narrow), "everything of that upload is written")
    service = narrow.pid("service")
    trace = tmp_path / "trace"
    command = ["strace", "-f", "-y", "-s", "1024", "-e", f"trace={CALLS}", "-o", str(trace), "-p", str(service)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        assert "attached" in tracer.stderr.readline()
        content = picture()
        assert send_form(narrow, part(content)).status == 200
        wait_until(lambda: trace.read_text().rpartition("HTTP/1.1 200 OK")[1], "the answer is seen")
        tracer.terminate()
    return trace.read_text().splitlines()


def first(calls: list[str], pattern: str) -> int:
    """Return the line in which a matching call returns."""
    for number, line in enumerate(calls):
        match = re.search(pattern, line)
        if match is None:
            continue
        if "<unfinished" not in line:
            return number
        thread, name = line.split()[0], re.split(r"[ (]+", line)[1]
        return next(
            n for n in range(number, len(calls)) if calls[n].startswith(thread) and f"<... {name} resumed" in calls[n]
        )
    message = f"no call like {pattern}:\n" + "\n".join(calls)
    raise AssertionError(message)


def test_everything_is_durable_before_the_answer_is_written(calls: list[str]) -> None:
    order = [
        first(calls, r" fsync\(\d+</[^>]*/tmp/[0-9a-f]+\.part>"),
        first(calls, r' link(at)?\(.*/tmp/[0-9a-f]+\.part", .*/blobs/[0-9a-f]{2}/'),
        first(calls, r" fsync\(\d+</[^>]*/blobs/[0-9a-f]{2}>"),
        first(calls, r" f(data)?sync\(\d+</[^>]*/catalog\.sqlite3-wal>"),
        first(calls, ANSWER),
    ]
    assert order == sorted(order), "\n".join(calls)


def test_answer_is_sent_to_nginx_in_one_call(calls: list[str]) -> None:
    """A service killed between two calls would leave nginx a head without a body, too late to ask another service."""
    answer = calls[first(calls, ANSWER)]
    assert r"\"path\":" in answer, answer
