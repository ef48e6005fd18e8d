import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.pictures import picture
from tests.support.stack import Stack, wait_until
from tests.support.times import shortened
from tests.support.up.processes import assert_gone, children, descendants, has_open


def half_an_upload(stack: Stack, connection: socket.socket) -> None:
    """Begin to send a picture of 1 MiB; stop after half of it."""
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n\x89PNG\r\n\x1a\n'
    connection.sendall(
        b"POST /api/v1/upimg HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1048576\r\n"
        b"token: " + stack.token.encode() + b"\r\n\r\n" + head + bytes(2**19)
    )


@contextmanager
def uploads_under_way(stack: Stack) -> Iterator[None]:
    """Hold one upload half-sent in nginx, and another one in the service."""
    spool, bodies = stack.data_dir / "tmp", stack.data_dir / "nginx" / "tmp" / "body"
    with (
        socket.create_connection(("127.0.0.1", stack.port)) as to_nginx,
        socket.socket(socket.AF_UNIX) as to_service,
    ):
        half_an_upload(stack, to_nginx)
        to_service.connect(os.fspath(stack.data_dir / "run" / "authsvc.sock"))
        half_an_upload(stack, to_service)
        # nginx unlinks its file as soon as it has opened it.
        workers = children(stack.pid("nginx"))
        wait_until(lambda: any(has_open(worker, below=bodies) for worker in workers), "nginx keeps the body")
        wait_until(lambda: any(spool.iterdir()), "the service has a spool file")
        yield


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_signal_ends_everything(number: signal.Signals) -> None:
    with Stack() as stack:
        family = descendants(stack.process.pid)
        assert len(family) >= 4, "the parent, the service, nginx and a worker"
        stack.process.send_signal(number)
        assert_gone(family)
        assert stack.wait() == 0
        assert list((stack.data_dir / "run").glob("*.pid")) == []


def test_signal_ends_everything_while_uploads_are_in_progress() -> None:
    with Stack() as stack:
        family = descendants(stack.process.pid)
        with uploads_under_way(stack):
            stack.process.send_signal(signal.SIGTERM)
            assert_gone(family)
        assert stack.wait() == 0


@pytest.mark.waits_for("up_grace")
@pytest.mark.parametrize("frozen", ["service", "nginx"])
def test_signal_ends_everything_while_a_part_is_frozen(frozen: str) -> None:
    with Stack(times=shortened("up_grace")) as stack:
        family = descendants(stack.process.pid)
        os.kill(stack.pid(frozen), signal.SIGSTOP)
        # Impatient people press it twice.
        for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM):
            stack.process.send_signal(number)
        assert_gone(family)
        assert stack.wait() == 0
        assert "Traceback" not in stack.output


def test_children_end_when_their_parent_is_killed() -> None:
    with Stack() as stack:
        family = descendants(stack.process.pid)
        with uploads_under_way(stack):
            stack.process.kill()
            assert_gone(family)
        stack.wait()


def test_it_starts_again_at_once_after_its_parent_was_killed() -> None:
    with Stack() as stack:
        token = stack.token
        with uploads_under_way(stack):
            stack.process.kill()
            stack.wait()
            stack.start()
        answer = stack.client.post("/api/v1/upimg", files={"file": picture()}, headers={"token": token})
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_end_of_nginx_ends_everything(number: signal.Signals) -> None:
    with Stack() as stack:
        family = descendants(stack.process.pid)
        os.kill(stack.pid("nginx"), number)
        assert_gone(family)
        assert stack.wait() == 1
        last = stack.output.splitlines()[-1]
        assert last.startswith("authsvc: nginx "), stack.output
        assert "everything is stopped" in last
        assert "Traceback" not in stack.output
