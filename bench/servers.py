"""The product's nginx and its rivals', each running, on the same files."""

import hashlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authsvc.model import SiteList
from authsvc.nginx.render import MAIN_FILE, write_files
from authsvc.settings import Settings
from bench.load import pin, workers
from bench.rivals import rival_configuration
from tests.support.pictures import noise
from tests.support.stack import Stack, free_port, wait_until
from tests.support.tls import Pair

BENCH: Final = Path(__file__).parent
NGINX: Final = "/usr/sbin/nginx"
WORKER_USER: Final = "www-data"
ONE_PROCESS: Final = "master_process off;\n"
"""Directives for nginx under callgrind: no master, no second process."""
PYTHON_RIVALS: Final = {"accel": "service", "python": "service", "original": "script"}
"""The rivals whose nginx asks a Python process, and the name of that process."""


@dataclass(frozen=True)
class Server:
    """A running server: its port, and the processes that work for it."""

    port: int
    processes: tuple[int, ...]


def hosts(count: int) -> tuple[str, ...]:
    """Return a list of so many allowed sites, with those that are on it from the start."""
    blogs = [f"blog-{number}.example.com" for number in range(count - 3)]
    return tuple(sorted(["127.0.0.1", "[::1]", "localhost", *blogs]))


def fill(blobs: Path, *, count: int, size: int) -> list[str]:
    """Put `count` pictures of `size` bytes into the store's folder; return their addresses."""
    paths = []
    head = noise(size, seed=size)[:-16]
    for number in range(count):
        content = head + number.to_bytes(16, "big")
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        path = f"/{digest[:2]}/{digest[2:]}.png"
        target = blobs / path[1:]
        if not target.exists():
            target.write_bytes(content)
            target.chmod(0o644)
        paths.append(path)
    os.sync()  # or they are written while something is measured
    return paths


def product_configuration(
    stack: Stack, folder: Path, *, sites: Sequence[str], service: Path | None = None, tls: Pair | None = None
) -> tuple[Path, int]:
    """Render the product's nginx once more, below `folder`; return its main file and port.

    It has the stack's pictures and, unless `service` is another socket, its service.
    """
    settings = Settings(
        data_dir=folder,
        port=free_port(),
        nginx_workers=1,
        socket=service or stack.data_dir / "run" / "authsvc.sock",
    )
    conf = settings.nginx_dir / "conf"
    for needed in (conf, settings.run_dir, settings.log_dir, settings.nginx_dir / "tmp"):
        needed.mkdir(parents=True)
    folder.chmod(0o755)
    settings.blobs_dir.symlink_to(stack.data_dir / "blobs")
    write_files(settings, SiteList(1, tuple(sites)), conf, worker_user=WORKER_USER)
    main = conf / MAIN_FILE
    if tls:
        listen = f"listen 127.0.0.1:{settings.port}"
        rules = f"ssl http2; include {tls_rules(folder, tls)};"
        main.write_text(main.read_text().replace(f"{listen};", f"{listen} {rules}"))
    return main, settings.port


def tls_rules(folder: Path, pair: Pair) -> Path:
    """Write the product's own rules for HTTPS, with another certificate."""
    rules = folder / "tls.conf"
    template = (BENCH.parent / "nginx" / "snippets" / "security" / "tls.conf.j2").read_text()
    text = template.replace("{{ s.certificate }}", str(pair.certificate))
    rules.write_text(text.replace("{{ s.certificate_key }}", str(pair.key)))
    return rules


@contextmanager
def product(
    stack: Stack, folder: Path, *, sites: Sequence[str], service: Path | None = None, tls: Pair | None = None
) -> Iterator[Server]:
    """Run the product's nginx once more; see `product_configuration`."""
    main, port = product_configuration(stack, folder, sites=sites, service=service, tls=tls)
    with running_nginx(main, folder / "run" / "nginx.pid") as workers:
        yield Server(port, workers)


@contextmanager
def rivals(stack: Stack, folder: Path, path: str, sites: Sequence[str], tls: Pair) -> Iterator[dict[str, Server]]:
    """Run every rival on the stack's pictures; yield each by its name in bench/rivals.py.

    `path` is a picture whose headers they send.
    """
    service, script = free_port(), free_port()
    blobs = stack.data_dir / "blobs"
    main, ports = rival_configuration(
        stack, folder, path, sites, tls_rules=tls_rules(folder, tls), service=service, script=script
    )
    python, old_pictures = sys.executable, folder / "original"
    old_pictures.symlink_to(blobs)
    with (
        running([python, str(BENCH / "rival_service.py"), str(blobs), str(service)]) as service_process,
        running([python, str(BENCH / "rival_original.py"), str(blobs), str(script), "benchmark"]) as script_process,
        running_nginx(main, folder / "rivals.pid") as workers,
    ):
        for port in (service, script):
            wait_until(lambda port=port: answers(port), f"a Python rival listens on {port}", seconds=30)  # type: ignore[misc]
        pin((service_process, script_process))
        numbers: Mapping[str, int] = {"service": service_process, "script": script_process}
        behind = {name: (numbers[process],) for name, process in PYTHON_RIVALS.items()}
        behind["asked"] = (stack.pid("service"),)
        yield {name: Server(port, (*workers, *behind.get(name, ()))) for name, port in ports.items()}


@contextmanager
def running_nginx(main: Path, pid_file: Path) -> Iterator[tuple[int, ...]]:
    """Run an nginx in the foreground; yield the worker and nginx's other processes, pinned."""
    with running([NGINX, "-c", str(main)]) as master:
        wait_until(lambda: pid_file.exists() and workers(master), f"nginx runs with {main}", seconds=30)
        pin(workers(master))
        yield workers(master)


@contextmanager
def running(command: Sequence[str], *, seconds: float = 30) -> Iterator[int]:
    """Run a program; yield its number, and end it with all that it has started."""
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait(seconds)
            with suppress(ProcessLookupError):  # what has outlived it
                os.killpg(process.pid, signal.SIGKILL)


def answers(port: int) -> bool:
    """Return whether somebody listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
