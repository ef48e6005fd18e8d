"""One child process of the supervisor."""

import asyncio
import os
import signal
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Self

from authsvc.system.linux import signal_when_parent_dies


class Child:
    """A running process. Ctrl-C in the terminal does not reach it; it ends when its parent dies."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    async def start(
        cls, *command: str, environment: Mapping[str, str] | None = None, keep_open: Sequence[int] = ()
    ) -> Self:
        """Start a command. `keep_open` are the file descriptors that it inherits. Raises OSError."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            env=environment,
            pass_fds=keep_open,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._process.pid

    async def end(self) -> str:
        """Wait until it has ended; return how, in words."""
        status = await self._process.wait()
        return f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self._process.returncode is None:
            self._process.send_signal(number)

    def send_to_group(self, number: signal.Signals) -> None:
        """Send a signal to it and to its own children, which may outlive it."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


async def all_ended(children: Sequence[Child], *, within_seconds: float) -> bool:
    """Wait until all have ended; return whether they did in time."""
    try:
        await asyncio.wait_for(asyncio.gather(*(child.end() for child in children)), within_seconds)
    except TimeoutError:
        return False
    return True


def _end_with_parent() -> None:
    signal_when_parent_dies(signal.SIGTERM)
