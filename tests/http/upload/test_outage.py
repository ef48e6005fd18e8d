import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.faults.service import stopped
from tests.support.pictures import noise, picture
from tests.support.stack import Stack, wait_until
from tests.support.times import shortened
from tests.support.upload.catalog import digests, write_lock
from tests.support.upload.watch import metric, spooled, wait_until_clean
from tests.support.upload.wire import Answer, assert_refused, connect, form, part, receive, send_form, upload_head

UPLOADS = 50
MIB = 2**20
TIMES = shortened("token_answer", "upload_answer")
"""Too short for a stack whose service is started again."""


@pytest.fixture(scope="module")
def fragile() -> Iterator[Stack]:
    """A stack whose service is killed and stopped."""
    with Stack(upload_rate=1000, upload_burst=1000, max_concurrent_uploads=UPLOADS + 10) as running:
        assert running.token
        yield running


@pytest.fixture(scope="module")
def impatient() -> Iterator[Stack]:
    """A stack whose nginx waits for a tenth of the time."""
    with Stack(times=TIMES) as running:
        yield running


def kill_service(stack: Stack) -> None:
    os.kill(stack.pid("service"), signal.SIGKILL)


def wait_until_back(stack: Stack, killed: int) -> None:
    pid_file = stack.data_dir / "run" / "service.pid"
    wait_until(lambda: pid_file.read_text().strip() not in {"", str(killed)}, "another service is started")
    wait_until(lambda: send_form(stack, part(picture())).status == 200, "it accepts uploads")


@pytest.mark.parametrize("size", [400, 2 * MIB], ids=["small", "large"])
def test_dead_service_is_unavailable(fragile: Stack, size: int) -> None:
    socket = fragile.data_dir / "run" / "authsvc.sock"
    aside = socket.with_suffix(".aside")
    socket.rename(aside)
    killed = fragile.pid("service")
    try:
        kill_service(fragile)  # with the connections that nginx has kept
        answer = send_form(fragile, part(noise(size)))
    finally:
        aside.rename(socket)
    assert_refused(answer, 502, "unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    wait_until_back(fragile, killed)
    assert send_form(fragile, part(noise(size))).status == 200


@pytest.mark.waits_for("token_answer")
def test_frozen_service_is_unavailable_within_seconds(impatient: Stack) -> None:
    with stopped(impatient.pid("service")):
        answer = send_form(impatient, part(picture()))
    assert_refused(answer, 502, "unavailable")


@pytest.mark.waits_for("upload_answer")
def test_service_that_freezes_during_an_upload_is_a_timeout(impatient: Stack) -> None:
    body = form(part(picture()))
    with connect(impatient, seconds=2 * TIMES.upload_answer) as connection:
        connection.sendall(upload_head(impatient, len(body), "Expect: 100-continue"))
        # nginx asks for the body once the token is found valid.
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        with stopped(impatient.pid("service")):
            connection.sendall(body)
            answer = receive(connection)
    assert_refused(answer, 504, "timeout")
    assert int(answer.headers["retry-after"]) >= 1


def test_missing_spool_folder_is_an_internal_error(fragile: Stack) -> None:
    spool = fragile.data_dir / "tmp"
    aside = spool.with_name("tmp-aside")
    spool.rename(aside)
    try:
        answers = [send_form(fragile, part(noise(size))) for size in (400, 2 * MIB)]
    finally:
        aside.rename(spool)
    for answer in answers:
        assert_refused(answer, 500, "internal")
    assert send_form(fragile, part(picture())).status == 200


def test_killed_service_keeps_every_acknowledged_picture(fragile: Stack) -> None:
    service = fragile.pid("service")
    acknowledged: dict[str, bytes] = {}
    refused: list[Answer] = []
    enough, killed = threading.Event(), threading.Event()

    def keep_uploading(_number: int) -> None:
        while not killed.is_set():
            content = picture()
            answer = send_form(fragile, part(content))
            if answer.status != 200:
                refused.append(answer)
                continue
            acknowledged[answer.json["data"]["path"]] = content
            if len(acknowledged) >= 100:
                enough.set()

    with ThreadPoolExecutor(UPLOADS) as pool:
        running = [pool.submit(keep_uploading, number) for number in range(UPLOADS)]
        assert enough.wait(60)
        kill_service(fragile)
        killed.set()
    for future in running:
        future.result()
    for answer in refused:
        assert_refused(answer, 502, "unavailable")
    wait_until_back(fragile, service)
    known = digests(fragile)
    for path, content in acknowledged.items():
        assert (fragile.data_dir / "blobs" / path[1:]).read_bytes() == content
        assert path[1:].replace("/", "")[:32] in known


def test_uploads_in_a_killed_service_are_completed_by_the_next_and_leave_no_file(fragile: Stack) -> None:
    wait_until_clean(fragile)
    service = fragile.pid("service")
    contents = [picture() for _ in range(UPLOADS)]
    with ThreadPoolExecutor(UPLOADS) as pool:
        with write_lock(fragile):
            answers = [pool.submit(send_form, fragile, part(content)) for content in contents]
            wait_until(lambda: metric(fragile, "authsvc_uploads_under_way") == UPLOADS, "all wait")
            # Uploads after the group in progress are small enough to wait in memory.
            wait_until(lambda: spooled(fragile), "a group waits for its rows")
            kill_service(fragile)
            assert spooled(fragile)
        # nginx has their bodies, and sends them to the next service.
        for content, answer in zip(contents, answers, strict=True):
            assert answer.result().status == 200, answer.result().body
            assert fragile.get(answer.result().json["data"]["path"]).content == content
    wait_until_back(fragile, service)
    wait_until_clean(fragile)
