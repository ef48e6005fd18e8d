"""How the parent looks at its parts when there is nobody to answer."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from authsvc.settings import load
from authsvc.up.supervisor import Supervisor
from tests.support.stack import free_port


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Supervisor]:
    with socket.socket() as listener:
        yield Supervisor(
            settings=load(flags={"data_dir": tmp_path, "socket": "/tmp/nobody.sock", "port": free_port()}).settings,
            conf_dir=tmp_path,
            nginx="/bin/false",
            listener=listener,
            environment={},
            announce=print,
            ready=print,
        )


def test_absent_service_does_not_answer(alone: Supervisor) -> None:
    assert asyncio.run(alone._service_answers()) is False


def test_absent_nginx_does_not_answer(alone: Supervisor) -> None:
    assert asyncio.run(alone._nginx_answers()) is False
