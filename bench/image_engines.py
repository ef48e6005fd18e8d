"""The engines that bench/images.py compares: each is a running server that resizes a picture at each request."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx2

from bench.servers import answers, running
from tests.support.stack import Stack, free_port, wait_until
from tests.support.up.processes import Process, descendants, processor_seconds, status_of

BENCH: Final = Path(__file__).parent
TOOLS: Final = BENCH.parent / ".bench"
"""Where the rivals are installed, each with a lock of its own."""
OURS, THUMBOR, SHARP, PILLOW = "authsvc", "thumbor", "sharp", "Pillow"
OUR_QUALITY: Final = 80
PROCESSES: Final = 2
SETTLE_SECONDS: Final = 2.0
"""Longer than authsvc waits for calm before it makes AVIF."""
SETTLE_LOOKS: Final = 60
IDLE_SHARE: Final = 0.05
KEPT_OPEN_SECONDS: Final = 6.0
"""Longer than nginx trusts a file that it holds open."""


@dataclass(frozen=True)
class Engine:
    """A running engine.

    `address` returns the address of a picture in a width and a quality, `roots` are the
    processes that it was started as; before a cold round `make_cold` is called.
    """

    name: str
    address: Callable[[str, int, int], str]
    roots: tuple[int, ...]
    make_cold: Callable[[], None] = lambda: None

    def derive(self, client: httpx2.Client, name: str, width: int, quality: int) -> bytes:
        """Return a picture in another width; it must be WebP."""
        answer = client.get(self.address(name, width, quality), headers={"Accept": "image/webp,*/*"})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp"), (self.name, answer)
        return answer.content

    def reload_done(self) -> float:
        """Wait until it is idle; return the CPU seconds that it has used until then."""
        begin = now = self.processor_seconds()
        for _ in range(SETTLE_LOOKS):
            before = now
            time.sleep(SETTLE_SECONDS)
            now = self.processor_seconds()
            if now - before < IDLE_SHARE * SETTLE_SECONDS:
                return now - begin
        message = f"{self.name} is still at work"
        raise TimeoutError(message)

    def peak_bytes(self) -> int:
        """Return the most memory that the one of its processes has had which had the most."""
        processes = frozenset[Process]().union(*map(descendants, self.roots))
        return max(int(status_of(process.pid)["VmHWM"].split()[0]) * 1024 for process in processes)

    def processor_seconds(self) -> float:
        """Return what all of its processes have had of a processor so far."""
        return processor_seconds(*self.roots)


@contextmanager
def ours(pictures: dict[str, bytes]) -> Iterator[tuple[Engine, Stack, dict[str, str]]]:
    """Run the product with these pictures; yield their addresses as well."""
    with Stack(
        upload_rate=10_000,
        upload_burst=100_000,
        size_rate=10_000,
        size_burst=100_000,
        decode_workers=PROCESSES,
        nginx_workers=1,
    ) as stack:
        paths = {name: stack.upload(content, name) for name, content in pictures.items()}

        def make_cold() -> None:
            for folder in (stack.data_dir / "derivatives").glob("??"):
                shutil.rmtree(folder)
            # It serves from the files that it holds open, until it looks again.
            time.sleep(KEPT_OPEN_SECONDS)

        def address(name: str, width: int, _quality: int) -> str:
            return f"{stack.base}{paths[name]}?w={width}"

        yield Engine(OURS, address, (stack.pid("service"), stack.pid("nginx")), make_cold), stack, paths


@contextmanager
def pillow(folder: Path) -> Iterator[Engine]:
    """Run the way with Pillow."""
    port = free_port()
    command = [sys.executable, str(BENCH / "rival_pillow.py"), str(folder), str(port)]
    with _running(command, port) as root:
        yield Engine(PILLOW, _plain(port), (root,))


@contextmanager
def sharp(folder: Path) -> Iterator[Engine]:
    """Run the way with sharp."""
    port = free_port()
    command = ["node", str(BENCH / "rival_sharp.mjs"), str(TOOLS / "node"), str(folder), str(port)]
    with _running(command, port, UV_THREADPOOL_SIZE=str(PROCESSES)) as root:
        yield Engine(SHARP, _plain(port), (root,))


def _plain(port: int) -> Callable[[str, int, int], str]:
    return lambda name, width, quality: f"http://127.0.0.1:{port}/{name}?w={width}&q={quality}"


@contextmanager
def thumbor(folder: Path) -> Iterator[Engine]:
    """Run thumbor as its documentation has it: it reads from a folder, and keeps no results."""
    port = free_port()
    configuration = folder.with_suffix(".thumbor.conf")
    configuration.write_text(
        f"LOADER = 'thumbor.loaders.file_loader'\nFILE_LOADER_ROOT_PATH = {str(folder)!r}\n"
        "STORAGE = 'thumbor.storages.no_storage'\nALLOW_UNSAFE_URL = True\n"
        "MAX_PIXELS = 0\n"
    )
    program = str(TOOLS / "thumbor" / "bin" / "thumbor")
    command = [program, "-p", str(port), "-i", "127.0.0.1", "-c", str(configuration), "--processes", str(PROCESSES)]
    with _running(command, port) as root:

        def address(name: str, width: int, quality: int) -> str:
            return f"http://127.0.0.1:{port}/unsafe/{width}x0/filters:format(webp):quality({quality})/{name}"

        yield Engine(THUMBOR, address, (root,))


@contextmanager
def _running(command: list[str], port: int, **environment: str) -> Iterator[int]:
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        with running(command) as root:
            wait_until(lambda: answers(port), f"{command[0]} listens", seconds=30)
            yield root
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def install_rivals() -> None:
    """Install thumbor and sharp from their locks, unless they are there."""
    lock = BENCH.parent / "requirements" / "thumbor.txt"
    if _is_stale(TOOLS / "thumbor" / "done", lock):
        subprocess.run([sys.executable, "-m", "venv", TOOLS / "thumbor"], check=True)
        pip = [str(TOOLS / "thumbor" / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "-r", str(lock)], check=True)
        (TOOLS / "thumbor" / "done").touch()
    node = TOOLS / "node"
    if _is_stale(node / "done", BENCH / "node" / "package-lock.json"):
        node.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(BENCH / "node" / name, node / name)
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=node, check=True)
        (node / "done").touch()


def _is_stale(mark: Path, lock: Path) -> bool:
    return not mark.exists() or mark.stat().st_mtime < lock.stat().st_mtime
