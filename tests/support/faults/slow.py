"""Thousands of connections that never finish: `python -m tests.support.faults.slow`.

Reads its order from standard input, one JSON object; opens the connections,
gives each a byte now and then, opens another for each that ends, and keeps its
counts in the file `counts`; ends at SIGTERM. See crowd.py.
"""

import json
import os
import random
import resource
import signal
import socket
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

BYTE_SECONDS = 6.0
"""Between two bytes of one connection: less than nginx waits for one."""
ROUND_SECONDS = 0.1
CONNECT_SECONDS = 5.0
PER_ADDRESS = 100
"""Connections from one address: fewer than `upload_connections` allows."""
READ_BYTES = 1024
HALF_OPEN = ("silent", "half a head")
SLOW_BODIES = ("refused body", "half a body")


@dataclass(slots=True)
class Slow:
    """One connection, and when it gets its next byte."""

    kind: str
    number: int
    due: float = 0.0
    connection: socket.socket | None = None


@dataclass
class Crowd:
    """All of them, and what became of those that ended."""

    port: int
    token: str
    path: str
    members: list[Slow]
    counts: Counter[str] = field(default_factory=Counter)

    def tend(self) -> None:
        """Go round once."""
        now = time.monotonic()
        for member in self.members:
            if member.due < now:
                self._tend(member)
                # At random times, so that not all are due together. An ended connection is opened again next time.
                member.due = now + BYTE_SECONDS * random.uniform(0.5, 1) if member.connection is not None else now

    def figures(self) -> dict[str, int]:
        """Count the connections that are open, by kind, and what happened so far."""
        return {**self.counts, **Counter(member.kind for member in self.members if member.connection is not None)}

    def _tend(self, member: Slow) -> None:
        try:
            if member.connection is None:
                member.connection = self._begin(member)
            elif _has_ended(member.connection):
                self._end(member, "ended")
            elif member.kind != "silent":
                member.connection.send(b"x")
                self.counts["bytes"] += 1
        except OSError as error:
            self._end(member, type(error).__name__)

    def _end(self, member: Slow, how: str) -> None:
        self.counts[how] += 1
        if member.connection is not None:
            member.connection.close()
            member.connection = None

    def _begin(self, member: Slow) -> socket.socket:
        address = member.number // PER_ADDRESS
        source = (f"127.2.{address // 250}.{address % 250 + 1}", 0)
        connection = socket.socket()
        try:
            connection.settimeout(CONNECT_SECONDS)
            connection.bind(source)
            connection.connect(("127.0.0.1", self.port))
            connection.sendall(self._beginning(member.kind))
            connection.settimeout(0)
        except OSError:
            connection.close()
            raise
        return connection

    def _beginning(self, kind: str) -> bytes:
        post = "POST /api/v1/upimg HTTP/1.1\r\nHost: pictures.test\r\nContent-Length: 1000000\r\n"
        form = "Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
        return {
            "silent": "",
            "half a head": f"GET {self.path} HTTP/1.1\r\nHost: pictures.test\r\nX-Long: ",
            "refused body": f"{post}{form}",
            "half a body": f"{post}Token: {self.token}\r\n{form}",
        }[kind].encode()


def _has_ended(connection: socket.socket) -> bool:
    """Whether nginx has closed it; reads a little of the answer."""
    try:
        return connection.recv(READ_BYTES) == b""
    except BlockingIOError:
        return False


def main() -> None:
    """Crowd as ordered."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    order = json.loads(sys.stdin.readline())
    os.nice(10)  # the server's processor is not theirs
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    kinds = [kind for kind, count in order["kinds"].items() for _ in range(count)]
    random.shuffle(kinds)
    members = [Slow(kind, number) for number, kind in enumerate(kinds)]
    crowd = Crowd(order["port"], order["token"], order["path"], members)
    counts = Path(order["counts"])
    while True:
        crowd.tend()
        fresh = counts.with_suffix(".new")
        fresh.write_text(json.dumps(crowd.figures()))
        fresh.replace(counts)
        time.sleep(ROUND_SECONDS)


if __name__ == "__main__":
    main()
