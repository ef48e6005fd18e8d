"""The ways to take an upload that bench/uploads.py compares, each a running server."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.stack import Stack, free_port, wait_until

BENCH = Path(__file__).parent
WORKERS = 2
"""nginx's workers, in all ways alike; the service of each is one process."""
BODY_BYTES = 20 * 2**20

_NGINX = """
daemon off; {user} worker_processes {workers}; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    sendfile on; tcp_nopush on; keepalive_requests 10000; client_max_body_size {body_bytes};
    access_log {folder}/access.log combined buffer=32k flush=1s;
    server {{
        listen 127.0.0.1:{port};
        location / {{ {location} }}
    }}
}}
"""


@dataclass(frozen=True)
class Way:
    """A server that takes uploads.

    `form` is "form" or "put"; `pictures` is the folder with the shards that
    they end up in; `service` is the process of its service, 0 without one.
    """

    name: str
    port: int
    form: str
    token: str
    pictures: Path
    nginx: int
    service: int = 0

    def forget(self) -> None:
        """Empty all pictures, so that what was not yet written is not written during another's round.

        They are not deleted: for a minute ext4 avoids the inodes of deleted files,
        so after a round it would check thousands of them for each new file. No
        real server has this load.
        """
        for picture in self._uploaded():
            os.truncate(picture, 0)

    def count(self) -> int:
        """Return how many pictures there are."""
        return sum(1 for _ in self._uploaded())

    def _uploaded(self) -> Iterator[os.DirEntry[str]]:
        for shard in self.pictures.glob("??"):
            with os.scandir(shard) as files:
                yield from (file for file in files if file.stat().st_size)


@contextmanager
def ours(name: str, *, is_durable: bool) -> Iterator[Way]:
    """Run the product; if not `is_durable`, with an fsync that does nothing."""
    stack = Stack(
        nginx_workers=WORKERS,
        upload_rate=10_000,
        upload_burst=100_000,
        upload_connections=65_535,
        max_concurrent_uploads=256,
    )
    if not is_durable:
        stack.environment["PYTHONPATH"] = str(BENCH / "careless")
    with stack:
        yield Way(
            name, stack.port, "form", stack.token, stack.data_dir / "blobs", stack.pid("nginx"), stack.pid("service")
        )


@contextmanager
def original(name: str, folder: Path) -> Iterator[Way]:
    """Run the 2018 script: one Sanic worker behind nginx as a proxy."""
    inner, pictures = free_port(), folder / "pictures"
    command = [sys.executable, str(BENCH / "rival_original.py"), str(pictures), str(inner), "benchmark"]
    with (
        _process(command, folder / "service.log") as service,
        _nginx(folder, f"proxy_pass http://127.0.0.1:{inner}; proxy_set_header Host $http_host;") as (nginx, port),
    ):
        wait_until(lambda: "Worker ready" in (folder / "service.log").read_text(), "the original runs")
        yield Way(name, port, "form", "benchmark", pictures, nginx, service)


@contextmanager
def dav(name: str, folder: Path) -> Iterator[Way]:
    """Run nginx's own PUT, the limit: no form, no name from the bytes, no fsync."""
    pictures = folder / "pictures"
    for shard in range(256):
        (pictures / f"{shard:02x}").mkdir(parents=True)
        shutil.chown(pictures / f"{shard:02x}", "www-data" if os.geteuid() == 0 else os.geteuid())
    with _nginx(folder, f"root {pictures}; dav_methods PUT;") as (nginx, port):
        yield Way(name, port, "put", "benchmark", pictures, nginx)


@contextmanager
def _nginx(folder: Path, location: str) -> Iterator[tuple[int, int]]:
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(
        _NGINX.format(
            user="user www-data;" if os.geteuid() == 0 else "",
            workers=WORKERS,
            folder=folder,
            body_bytes=BODY_BYTES,
            port=port,
            location=location,
        )
    )
    with _process(["/usr/sbin/nginx", "-c", str(configuration)], folder / "nginx.log") as nginx:
        wait_until(lambda: (folder / "nginx.pid").exists() and (folder / "nginx.pid").read_text(), "nginx runs")
        yield nginx, port


@contextmanager
def _process(command: Sequence[str], log: Path) -> Iterator[int]:
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            yield process.pid
        finally:
            process.terminate()
