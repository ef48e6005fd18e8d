"""Count nginx's user-space instructions a read, by callgrind: no noise touches them.

nginx runs twice, as one process, and answers N and 2 N reads one after the
other on one connection. The difference divided by N has no start-up in it.
"""

import re
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.servers import NGINX, ONE_PROCESS, answers
from tests.support.stack import free_port, wait_until

READS: Final = 400
_START_SECONDS: Final = 60


@dataclass(frozen=True)
class Counted:
    """Instructions a read, and the functions they are spent in, most costly first."""

    a_read: float
    functions: Mapping[str, float]


def count(main: Path, port: int, requests: Sequence[bytes], *, status: int, folder: Path) -> Counted:
    """Count what nginx with the file `main` takes for requests that are answered with `status`."""
    alone, own_port = _alone(main, port)
    once, twice = (_functions(alone, own_port, requests, status, folder, reads) for reads in (READS, 2 * READS))
    spent = {name: (twice[name] - once.get(name, 0)) / READS for name in twice}
    ranked = dict(sorted(spent.items(), key=lambda item: -item[1]))
    return Counted(sum(spent.values()), ranked)


def _alone(main: Path, port: int) -> tuple[Path, int]:
    """Write a configuration once more, for one process and on ports of its own; return it and one of them."""
    text = main.read_text()
    ports = {old: free_port() for old in re.findall(r"listen 127\.0\.0\.1:(\d+)", text)}
    text = re.sub(r"(?<=listen 127\.0\.0\.1:)\d+", lambda found: str(ports[found[0]]), text)
    alone = main.with_name(f"{main.name}.callgrind")
    alone.write_text(ONE_PROCESS + text)
    return alone, ports[str(port)]


def _functions(
    main: Path, port: int, requests: Sequence[bytes], status: int, folder: Path, reads: int
) -> dict[str, int]:
    """Return how many instructions nginx takes in each function for its life with so many reads."""
    written = folder / "callgrind.out"
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={written}", NGINX, "-c", str(main)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            wait_until(lambda: answers(port) or process.poll() is not None, "nginx listens", seconds=_START_SECONDS)
            _read(port, requests, status, reads)
        finally:
            process.terminate()
            _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    listed = subprocess.run(
        ["callgrind_annotate", "--threshold=100", "--show-percs=no", str(written)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    functions: dict[str, int] = {}
    for line in listed.splitlines():
        if found := re.fullmatch(r" *([0-9,]+)\s+\S*?:(\S+)(?: \[.*\])?", line):
            functions[found[2]] = functions.get(found[2], 0) + int(found[1].replace(",", ""))
    return functions


def _read(port: int, requests: Sequence[bytes], status: int, reads: int) -> None:
    """Send the requests one after the other, each after the answer of the previous one."""
    start = b"HTTP/1.1 %d " % status
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection, connection.makefile("rb") as answer:
        for number in range(reads):
            connection.sendall(requests[number % len(requests)])
            line = answer.readline()
            assert line.startswith(start), line
            length = 0
            while (header := answer.readline()) != b"\r\n":
                name, _, value = header.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            answer.read(length)
