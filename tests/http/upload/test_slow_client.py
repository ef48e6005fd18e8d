"""Slow clients get their answers, and what they cost the server is limited."""

import fcntl
import socket
import struct
import termios
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.support.pictures import noise, picture
from tests.support.stack import Stack, wait_until
from tests.support.upload.catalog import count_images
from tests.support.upload.watch import blobs, buffered, memory, nginx_memory, spooled, wait_until_clean
from tests.support.upload.wire import (
    FORM_TYPE,
    Answer,
    assert_refused,
    chunked,
    connect,
    form,
    head,
    part,
    receive,
    receive_without_end,
    upload_head,
)

MIB = 2**20
KIND = f"Content-Type: {FORM_TYPE}"
PIECE = 64 * 1024
PAUSE_SECONDS = 6.0
"""Longer than the 5 s after which nginx usually gives up on a refused client."""


def wait_until_sent(connection: socket.socket) -> None:
    """Wait until the other side has received everything (SIOCOUTQ, tcp(7))."""

    def queued() -> int:
        number: int = struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, b"\0\0\0\0"))[0]
        return number

    wait_until(lambda: queued() == 0, "the other side receives what was sent")


def send_slowly(connection: socket.socket, body: bytes) -> None:
    """Send in pieces, with a pause in the middle, and never read an answer."""
    for at in range(0, len(body), PIECE):
        connection.sendall(body[at : at + PIECE])
        wait_until_sent(connection)
        if at == len(body) // 2 // PIECE * PIECE:
            threading.Event().wait(PAUSE_SECONDS)


@pytest.fixture(scope="module")
def patient_answers(stack: Stack) -> dict[str, Future[Answer]]:
    """The answers to clients that first send everything, all at the same time."""
    large, fitting, text = (form(part(content)) for content in (noise(21 * MIB), noise(19 * MIB), b"text" * 4 * MIB))
    pieces = chunked([large[at : at + PIECE] for at in range(0, len(large), PIECE)])
    requests = {
        "too large": (upload_head(stack, len(large)), large),
        "too large in chunks": (head(stack, KIND, "Transfer-Encoding: chunked"), pieces),
        "wrong token": (upload_head(stack, len(fitting), token="asv_wrong"), fitting),
        "two lengths": (upload_head(stack, len(fitting), "Content-Length: 7"), fitting),
        "broken chunk": (head(stack, KIND, "Transfer-Encoding: chunked"), b"zz\r\n" + fitting),
        "large headers": (head(stack, "X: " + "a" * 20_000, f"Content-Length: {len(fitting)}"), fitting),
        "wrong method": (head(stack, f"Content-Length: {len(fitting)}", method="PUT"), fitting),
        "no picture": (upload_head(stack, len(text)), text),
    }

    def ask(request: tuple[bytes, bytes]) -> Answer:
        with connect(stack) as connection:
            connection.sendall(request[0])
            send_slowly(connection, request[1])
            return receive(connection)

    with ThreadPoolExecutor(len(requests)) as pool:
        return {name: pool.submit(ask, request) for name, request in requests.items()}


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("too large", 413, "too_large"),
        ("too large in chunks", 413, "too_large"),
        ("wrong token", 401, "bad_token"),
        ("two lengths", 400, "bad_request"),
        ("broken chunk", 400, "bad_request"),
        ("large headers", 431, "headers_too_large"),
        ("wrong method", 405, "method_not_allowed"),
        ("no picture", 415, "unsupported"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)
def test_answer_reaches_a_client_that_is_still_sending(
    patient_answers: dict[str, Future[Answer]], name: str, status: int, code: str
) -> None:
    assert_refused(patient_answers[name].result(), status, code)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("Content-Length: -1", id="a negative length"),
        pytest.param("Content-Length: 5\r\nContent-Length: 6", id="two lengths"),
        pytest.param("X: " + "a" * 20_000, id="large headers"),
    ],
)
def test_answer_survives_a_body_that_is_sent_after_it(stack: Stack, line: str) -> None:
    with connect(stack) as connection:
        connection.sendall(head(stack, KIND, line))
        assert connection.recv(1, socket.MSG_PEEK)  # the answer is there, but not read
        for _ in range(16):
            connection.sendall(bytes(PIECE))
            wait_until_sent(connection)
        assert receive(connection).json["status"] == 1


def test_wrong_token_with_a_large_body_costs_no_disk_and_no_memory(stack: Stack) -> None:
    wait_until_clean(stack)
    body = form(part(noise(20 * MIB)))
    service = stack.pid("service")
    service_before, nginx_before = memory(service), nginx_memory(stack)
    with connect(stack) as connection:
        connection.sendall(upload_head(stack, len(body), token="asv_wrong"))
        for at in range(0, len(body), PIECE):
            connection.sendall(body[at : at + PIECE])
            assert not buffered(stack)
            assert not spooled(stack)
            if at % MIB == 0:
                wait_until_sent(connection)
                assert memory(service) - service_before < 2 * MIB
                assert nginx_memory(stack) - nginx_before < 2 * MIB
        assert_refused(receive(connection), 401, "bad_token")


@pytest.mark.waits_for("refused_body")
def test_refused_client_that_stops_sending_is_dropped(narrow: Stack) -> None:
    with connect(narrow) as connection:
        connection.sendall(upload_head(narrow, 20 * MIB, token="asv_wrong") + bytes(PIECE))
        assert receive_without_end(connection).status == 401
        answered = time.monotonic()
        assert connection.recv(1) == b""
        assert time.monotonic() - answered > narrow.times.refused_body / 2


def test_wrong_token_is_refused_before_any_of_the_body_is_sent(stack: Stack) -> None:
    with connect(stack) as connection:
        connection.sendall(upload_head(stack, 20 * MIB, "Expect: 100-continue", token="asv_wrong"))
        assert_refused(receive_without_end(connection), 401, "bad_token")


@pytest.mark.parametrize("coding", ["with its length", "in chunks"])
def test_client_that_disconnects_half_way_leaves_no_file(stack: Stack, coding: str) -> None:
    wait_until_clean(stack)
    before, images = blobs(stack), count_images(stack)
    body = form(part(noise(10 * MIB)))
    with connect(stack) as connection:
        if coding == "in chunks":
            connection.sendall(head(stack, KIND, "Transfer-Encoding: chunked") + b"%x\r\n" % len(body))
        else:
            connection.sendall(upload_head(stack, len(body)))
        connection.sendall(body[: 5 * MIB])
        wait_until(lambda: buffered(stack), "nginx has begun to gather the body")
    wait_until_clean(stack)
    assert (blobs(stack), count_images(stack)) == (before, images)


def test_complete_upload_in_slow_pieces_is_accepted(stack: Stack) -> None:
    body = form(part(picture()))
    with connect(stack) as connection:
        connection.sendall(upload_head(stack, len(body)))
        for at in range(0, len(body), 16):
            connection.sendall(body[at : at + 16])
            wait_until_sent(connection)
        assert receive(connection).status == 200
