"""A worker that was taken over: attacks run in its place, with the whole confinement, with parts of it, and without."""

import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from authsvc.imaging.decoder.confinement import ALWAYS_ALLOWED, Confinement
from authsvc.system.landlock import SCOPE_VERSION, TCP_VERSION, landlock_version
from authsvc.system.seccomp import this_architecture
from tests.support.decoder.ambush import Outcomes, lay
from tests.support.decoder.attacks import LAST_CALL, PROBES, SPARE
from tests.support.decoder.pool import pool, run, started

PARTS = ("landlock", "filter")
ONLY_WITH_A_FILTER = {
    *("see whether a file exists", "change the mode of a picture", "change the mode of its picture"),
    *("change the owner of its picture", "change the times of its picture", "lock its picture", "use an ioctl"),
    *("make a file in memory", "connect to a socket", "make a pair of sockets", "signal the service by its descriptor"),
    *("let the kernel signal the service", "change the priority of the service", "change the limits of the service"),
    *("fork", "fork by clone3", "make a namespace", "use io_uring", "get memory for code", "run written memory"),
    *(
        "read the memory of another process",
        "be traced again",
        "outlive the service",
        "raise its priority",
        "change its folder",
    ),
}
"""Landlock is about opening and changing files by name, and, in later versions, about the network and signals."""
MISSING_BEFORE = {
    TCP_VERSION: {"connect by TCP"},
    SCOPE_VERSION: {"connect to an abstract socket", "signal the service", "signal a thread of the service"},
}


def proc(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text()


class Scene:
    """What a worker could attack: a catalog, a picture in the store, and sockets of other programs."""

    def __init__(self, folder: Path, new_catalog: Path, others: ExitStack) -> None:
        self.folder = folder
        self.catalog = folder / "catalog.sqlite3"
        self.blobs = folder / "blobs"
        self.blobs.mkdir()
        self.picture = self.blobs / "picture"
        self.picture.write_bytes(b"another's picture")
        for name in SPARE[:2]:
            (self.blobs / name).touch()
        (self.blobs / SPARE[2]).mkdir()
        shutil.copy(new_catalog, self.catalog)
        listeners = [others.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(2)]
        for listener, address in zip(listeners, (str(folder / "socket"), ""), strict=True):
            listener.bind(address)
            listener.listen()
        self._abstract = listeners[1].getsockname().decode()[1:]
        self._port = others.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]

    def attack(self, without: tuple[str, ...]) -> Outcomes:
        """Start a worker that attacks, and let it do a job afterwards; return the outcomes."""
        modules = self.folder / "modules"
        modules.mkdir()
        outcomes = self.folder / "outcomes"
        paths = {name: str(getattr(self, name)) for name in ("catalog", "picture", "blobs")}
        others = {"socket": str(self.folder / "socket"), "abstract": self._abstract, "port": self._port}
        lay(modules, {**paths, **others, "outcomes": str(outcomes), "without": without})
        (modules / "sitecustomize.py").write_text("import attacks\n")

        async def act() -> None:
            async with pool() as workers:
                await started(workers, self.folder)

        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHONPATH", f"{modules}:{os.environ.get('PYTHONPATH', '')}")
            run(act)
        return Outcomes.read(outcomes.read_text())

    @property
    def tokens(self) -> list[str]:
        with sqlite3.connect(self.catalog) as connection:
            return [name for (name,) in connection.execute("SELECT name FROM tokens")]

    @property
    def files(self) -> dict[str, int]:
        return {path.name: path.stat().st_mode for path in self.blobs.iterdir()}


@pytest.fixture
def scene(tmp_path: Path, new_catalog: Path) -> Iterator[Scene]:
    with ExitStack() as others:
        yield Scene(tmp_path, new_catalog, others)


@pytest.mark.needs_root
def test_every_attack_succeeds_without_the_confinement(scene: Scene) -> None:
    found = scene.attack(without=PARTS)
    # The address is not one of the other process, but the kernel would have read it.
    assert found.attempts.pop("read the memory of another process") == "EFAULT"
    assert found.done == found.attempts.keys()
    assert scene.tokens == ["attack"]
    assert scene.files.keys() >= {"picture", "moved"}


@pytest.mark.parametrize("without", [(), ("landlock",)], ids=["with both parts", "where the kernel has no Landlock"])
def test_no_attack_succeeds(scene: Scene, without: tuple[str, ...]) -> None:
    files, status = scene.files, scene.picture.stat()
    found = scene.attack(without)
    assert found.refused == found.attempts.keys()
    assert len(found.attempts) > len(ONLY_WITH_A_FILTER)
    assert (scene.tokens, scene.files) == ([], files)
    assert scene.picture.stat().st_ctime_ns == status.st_ctime_ns
    assert found.start_a_thread == "done"


def test_without_a_filter_landlock_still_keeps_files_network_and_signals_out_of_reach(scene: Scene) -> None:
    files = scene.files
    missing = {name for since, names in MISSING_BEFORE.items() if landlock_version() < since for name in names}
    found = scene.attack(without=("filter",))
    assert found.attempts.keys() - found.refused <= ONLY_WITH_A_FILTER | missing
    assert (scene.tokens, scene.files.keys()) == ([], files.keys())


def test_every_other_system_call_is_refused(scene: Scene) -> None:
    numbers = scene.attack(without=()).numbers
    calls = this_architecture().calls
    allowed = {number for name, number in calls.items() if name in ALWAYS_ALLOWED}
    assert numbers.keys() | allowed | PROBES == set(range(LAST_CALL))
    others = {calls["clone3"]: "ENOSYS", calls["ioctl"]: "ENOTTY"}
    assert {number: outcome for number, outcome in numbers.items() if outcome != "EPERM"} == others


def test_confined_process_can_abort() -> None:
    # GLib ends a worker in this way that gets no more memory, and the service recognises it by the signal.
    code = "import os; from authsvc.imaging.decoder.confinement import *; prepare(); confine(); os.abort()"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == -signal.SIGABRT


@pytest.mark.needs_root
def test_worker_has_only_the_variables_that_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NOTIFY_SOCKET", "AUTHSVC_CONFIG", "SECRET"):
        monkeypatch.setenv(name, "/nowhere")

    async def act() -> None:
        async with pool() as workers:
            pid = await started(workers, tmp_path)
            lines = proc(pid, "environ").split("\0")
            names = {line.partition("=")[0] for line in lines if not line.startswith(("PYTHON", "COVERAGE_"))}
            assert names == {"VIPS_CONCURRENCY", "MALLOC_ARENA_MAX", "VIPS_DISC_THRESHOLD", ""}

    run(act)


def test_worker_of_an_installation_ignores_the_variables_of_python(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "from authsvc.imaging.decoder.handle import _environment; print(sorted(_environment()))"
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    done = subprocess.run([sys.executable, "-I", "-c", code], check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout == "['MALLOC_ARENA_MAX', 'VIPS_CONCURRENCY', 'VIPS_DISC_THRESHOLD']\n"


def test_kernel_ends_a_worker_before_other_processes(tmp_path: Path) -> None:
    async def act() -> None:
        async with pool() as workers:
            pid = await started(workers, tmp_path)
            assert proc(pid, "oom_score_adj") == "500\n"
            assert re.search(r"^Max open files +64 +64 ", proc(pid, "limits"), re.MULTILINE)

    run(act)


OLD_KERNEL = """
import asyncio, logging, sys
from pathlib import Path
from authsvc.system.linux import refuse_new_privileges
from authsvc.system.seccomp import Rule, filter_program, install_filter, this_architecture
from authsvc.system.syscalls import Architecture
from tests.support.decoder.pool import pool, run, started

MISSING = {this_architecture().calls["seccomp"], *range(444, 447)}
numbers = {str(number): number for number in range(500) if number not in MISSING}
refuse_new_privileges()
install_filter(filter_program(map(Rule, numbers), Architecture(this_architecture().audit_number, numbers)))
logging.basicConfig(format="%(message)s", stream=sys.stdout)

async def act():
    async with pool(count=2) as workers:
        print(await workers.confinement())
        await started(workers, Path(sys.argv[1]))

run(act)
"""


def test_kernel_without_any_part_still_decodes_and_the_service_logs_it_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OLD_KERNEL, str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    warning, answer = done.stdout.splitlines()
    assert warning == (
        "the processes that decode pictures are not fully confined: the kernel refuses a filter for system calls "
        "(seccomp) and the kernel has no Landlock; see `authsvc doctor`"
    )
    assert answer == "Confinement(has_filter=False, landlock_version=0)"


@pytest.mark.parametrize(
    "message",
    [b"", b"ready", b"{}", b"[]", b'{"has_filter": 1, "landlock_version": 2}', b'{"has_filter": true}'],
    ids=["nothing", "no JSON", "nothing in it", "a list", "a number for a truth", "half"],
)
def test_other_first_message_is_not_a_confinement(message: bytes) -> None:
    with pytest.raises(ValueError, match=r"^$|Expecting"):
        Confinement.from_message(message)


def test_confinement_survives_the_socket() -> None:
    found = Confinement(has_filter=True, landlock_version=7)
    assert Confinement.from_message(found.to_message()) == found
    assert found.gaps == []
