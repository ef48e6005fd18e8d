"""A steady load of reads and uploads, in a process of its own: `python -m tests.support.faults.load`.

Reads its order from standard input, one JSON object; appends a line to the file
`records` for every answer, or for the error instead of one; ends at SIGTERM
when everything under way is done. See underload.py.
"""

import asyncio
import hashlib
import itertools
import json
import os
import random
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TextIO

import uvloop

from tests.support.faults.exchange import Answer, Client
from tests.support.pictures import picture

PAUSES = {
    "known": 0.015,
    "nobody": 0.03,
    "stranger": 0.05,
    "newcomer": 0.1,
    "crowd": 0.0,
    "upload": 0.02,
    "slow upload": 0.02,
}
"""Seconds between two requests of one worker of each kind."""
SLOW_SECONDS = 0.25
"""How long a slow upload's second half is kept back, about: several must not keep in step."""
LARGE = (400, 320)
"""The side lengths of every fourth picture: 384 KB, which nginx gathers in a file."""


class Load:
    """Workers of each kind and the results of their requests."""

    def __init__(self, order: dict[str, Any], records: TextIO) -> None:
        self._port: int = order["port"]
        self._token: str = order["token"]
        self._sites: list[str] = order["sites"]
        self._pictures: list[tuple[str, str]] = [(path, digest) for path, digest in order["pictures"]]
        self._hotlink: str = order["hotlink"]
        self._name = f"{random.randrange(2**40):x}"
        self._crowd = itertools.count()
        self._records = records
        self._ended = asyncio.Event()

    async def run(self, workers: dict[str, int]) -> None:
        """Work until SIGTERM."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._ended.set)
        makers = {
            "known": self._known,
            "nobody": self._nobody,
            "stranger": self._stranger,
            "newcomer": self._newcomer,
            "crowd": self._one_of_the_crowd,
            "upload": self._upload,
            "slow upload": self._slow_upload,
        }
        async with asyncio.TaskGroup() as group:
            for kind, count in workers.items():
                for number in range(count):
                    group.create_task(self._repeat(kind, makers[kind], number))

    async def _repeat(self, kind: str, step: Callable[[Client, int], Awaitable[None]], number: int) -> None:
        # From many addresses: what one may upload is limited.
        source = f"127.1.{random.randrange(1, 255)}.{number % 254 + 1}"
        async with Client(self._port, source) as client:
            while not self._ended.is_set():
                await step(client, number)
                await asyncio.sleep(PAUSES[kind])

    async def _known(self, client: Client, number: int) -> None:
        path, digest = random.choice(self._pictures)
        target = random.choice((path, path, f"/?path={path}", f"/?path={path[1:]}"))
        site = random.choice(self._sites)
        if number % 2:
            client.close()  # every other reader comes on a new connection each time
        await self._read("known", client, target, digest, f"Referer: https://{site}/a/post.html")

    async def _nobody(self, client: Client, _number: int) -> None:
        path, digest = random.choice(self._pictures)
        await self._read("nobody", client, path, digest)

    async def _stranger(self, client: Client, number: int) -> None:
        await self._refused("stranger", client, f"stranger{number}.example")

    async def _newcomer(self, client: Client, _number: int) -> None:
        await self._refused("newcomer", client, f"new{random.randrange(2**40)}.example")

    async def _one_of_the_crowd(self, client: Client, _number: int) -> None:
        await self._refused("crowd", client, f"one{next(self._crowd)}-of-{self._name}.example")

    async def _refused(self, kind: str, client: Client, host: str) -> None:
        path, _ = random.choice(self._pictures)
        await self._read(kind, client, path, self._hotlink, f"Referer: https://{host}/", status=403)

    async def _upload(self, client: Client, number: int) -> None:
        await self._put(client, number, pause=0.0)

    async def _slow_upload(self, client: Client, number: int) -> None:
        await self._put(client, number, pause=random.uniform(0.5, 1.5) * SLOW_SECONDS)

    async def _read(self, kind: str, client: Client, target: str, digest: str, *lines: str, status: int = 200) -> None:
        started = time.monotonic()
        is_again = False
        try:
            answer, is_again = await client.read(target, *lines)
        except (OSError, TimeoutError) as error:
            outcome = type(error).__name__
        else:
            outcome = str(answer.status)
            if answer.status == status and _digest(answer.body) != digest:
                outcome += " with a wrong body"
        self._note(kind, started, outcome, is_again=is_again)

    async def _put(self, client: Client, number: int, *, pause: float) -> None:
        large = random.random() < 0.25
        content = picture("PNG", LARGE, compress_level=0) if large else picture()
        started = time.monotonic()
        path = ""
        try:
            answer = await client.upload(self._token, content, pause=pause)
        except (OSError, TimeoutError) as error:
            outcome = type(error).__name__
        else:
            outcome, path = _acknowledged(answer)
        self._note("upload", started, outcome, path=path, digest=_digest(content))
        if path:
            # A client that receives the address shows the picture at once.
            await self._read("known", client, path, _digest(content), f"Referer: https://{self._sites[0]}/{number}")
            client.close()

    def _note(
        self, kind: str, started: float, outcome: str, *, is_again: bool = False, path: str = "", digest: str = ""
    ) -> None:
        taken = time.monotonic() - started
        self._records.write(f"{json.dumps([kind, started, taken, outcome, is_again, path, digest])}\n")


def _acknowledged(answer: Answer) -> tuple[str, str]:
    """Return how an upload ended, and the address that it got, if any."""
    if answer.status != 200:
        return f"{answer.status} {answer.code}", ""
    try:
        return "200", json.loads(answer.body)["data"]["path"]
    except (ValueError, KeyError, TypeError):
        return "200 with a wrong body", ""


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def main() -> None:
    """Work as ordered."""
    order = json.loads(sys.stdin.readline())
    os.nice(order["nice"])
    with Path(order["records"]).open("w", buffering=1) as records:
        uvloop.run(Load(order, records).run(order["workers"]))


if __name__ == "__main__":
    main()
