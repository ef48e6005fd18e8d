"""Acknowledged writes survive a power cut: checked by the system calls and their order."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from authsvc.store.filesystem import FilesystemStore
from tests.support.contract.actors import ACKNOWLEDGED
from tests.support.contract.values import a_blob

CALLS = "fsync,fdatasync,link,linkat,rename,renameat,renameat2,unlink,unlinkat,write,pwrite64"
_CALL = re.compile(r"^\d+ +(?:<\.\.\. )?(\w+)(?: resumed>)?(.*)$")


def _calls_of(tmp_path: Path, *command: str) -> list[tuple[str, str]]:
    """Run an actor under strace; return its system calls that succeeded, each
    as name and the rest of the line, in the order in which they ended."""
    log = tmp_path / "strace.log"
    # -y names the file behind every descriptor.
    strace = ["strace", "-f", "-y", "-s", "200", "-e", f"trace={CALLS}", "-o", str(log)]
    try:
        run = subprocess.run(
            [*strace, sys.executable, "-m", "tests.support.contract.actors", *command],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    except FileNotFoundError:
        pytest.fail("strace is needed: apt-get install strace")
    assert run.returncode == 0, run.stderr
    lines = log.read_text(errors="replace").splitlines()
    unfinished: dict[str, str] = {}
    calls = []
    for line in lines:
        pid = line.split(maxsplit=1)[0]
        if line.endswith("<unfinished ...>"):
            unfinished[pid] = line.removesuffix("<unfinished ...>")
            continue
        match = _CALL.match(line)
        if match and " = -1 " not in line and ") = " in line + " ":
            calls.append((match[1], unfinished.pop(pid, "") + match[2]))
    return calls


def _until_acknowledged(calls: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    """Split the calls at each acknowledgement."""
    parts: list[list[tuple[str, str]]] = [[]]
    for call in calls:
        if call[0] == "write" and ACKNOWLEDGED in call[1]:
            parts.append([])
        else:
            parts[-1].append(call)
    return parts


def _positions(calls: list[tuple[str, str]], names: tuple[str, ...], text: str) -> list[int]:
    return [at for at, (name, rest) in enumerate(calls) if name in names and text in rest]


@pytest.fixture
def store_calls(tmp_path: Path) -> tuple[Path, list[list[tuple[str, str]]]]:
    root = tmp_path / "blobs"
    FilesystemStore(root, trash=tmp_path / "trash").prepare()
    source = tmp_path / "source.part"
    source.write_bytes(b"some bytes")
    calls = _calls_of(tmp_path, "put-and-set-aside", str(root), str(source))
    blob = a_blob(b"some bytes")
    return root / blob.key.shard, _until_acknowledged(calls)


def test_put_syncs_the_bytes_then_links_then_syncs_the_folder(
    store_calls: tuple[Path, list[list[tuple[str, str]]]],
) -> None:
    shard, (first_put, *_) = store_calls
    synced = _positions(first_put, ("fsync",), "source.part>")
    linked = _positions(first_put, ("link", "linkat"), f"{shard}/")
    folder_synced = _positions(first_put, ("fsync",), f"{shard}>")
    assert len(linked) == 1
    assert synced[0] < linked[0] < folder_synced[-1]


def test_put_of_a_known_blob_syncs_the_folder_too(
    store_calls: tuple[Path, list[list[tuple[str, str]]]],
) -> None:
    shard, (_, second_put, *_) = store_calls
    assert _positions(second_put, ("link", "linkat"), f"{shard}/") == []
    assert _positions(second_put, ("fsync",), f"{shard}>")


def test_set_aside_syncs_the_trash_before_the_shard(
    store_calls: tuple[Path, list[list[tuple[str, str]]]],
) -> None:
    shard, (_, _, moved, *_) = store_calls
    (renamed,) = _positions(moved, ("rename", "renameat", "renameat2"), f"{shard}/")
    (trash_synced,) = _positions(moved, ("fsync",), "/trash>")[-1:]
    (shard_synced,) = _positions(moved, ("fsync",), f"{shard}>")
    assert renamed < trash_synced < shard_synced


def test_put_back_links_then_syncs_the_folder(
    store_calls: tuple[Path, list[list[tuple[str, str]]]],
) -> None:
    shard, (_, _, _, put_back, *_) = store_calls
    (linked,) = _positions(put_back, ("link", "linkat"), f"{shard}/")
    assert _positions(put_back, ("fsync",), f"{shard}>")[-1] > linked


@pytest.mark.parametrize("write", [1, 2], ids=["row of an image, by the grouping writer", "site"])
def test_commit_syncs_the_log_after_its_last_write(catalog_path: Path, tmp_path: Path, write: int) -> None:
    calls = _until_acknowledged(_calls_of(tmp_path, "write-rows", str(catalog_path)))[write]
    log = f"{catalog_path.name}-wal>"
    written = _positions(calls, ("pwrite64", "write"), log)
    synced = _positions(calls, ("fsync", "fdatasync"), log)
    assert written
    assert synced[-1] > written[-1]
