"""A process that does not run is not ready."""

import asyncio
import socket
from pathlib import Path

import pytest

from authsvc.settings import Settings, load
from authsvc.up.nginx import SupervisedNginx
from authsvc.up.service import SupervisedService
from tests.support.stack import free_port


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(flags={"data_dir": tmp_path, "socket": "/tmp/nobody.sock", "port": free_port()}).settings


def test_absent_service_is_not_ready(settings: Settings) -> None:
    with socket.socket() as listener:
        assert asyncio.run(SupervisedService(settings, listener, {}, print).is_ready()) is False


def test_absent_nginx_is_not_ready(settings: Settings, tmp_path: Path) -> None:
    assert asyncio.run(SupervisedNginx(settings, "/bin/false", tmp_path / "nginx.conf").is_ready()) is False
