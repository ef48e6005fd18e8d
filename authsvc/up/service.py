"""The service under `authsvc up`: started again when it dies."""

import asyncio
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from authsvc.errors import Broken
from authsvc.settings import Settings
from authsvc.system.atomic import write_file
from authsvc.system.sockets import LISTEN_FD_OPTION, SERVICE_ARGUMENTS
from authsvc.times import TIMES
from authsvc.up.child import Child

MAX_DEATHS: Final = 5
FIRST_BACKOFF_SECONDS: Final = 0.1


@dataclass
class SupervisedService:
    """One service, which listens on a socket that stays open across its restarts.

    `environment` is the service's; `announce` gets each message for the operator.
    """

    settings: Settings
    listener: socket.socket
    environment: Mapping[str, str]
    announce: Callable[[str], None]
    child: Child | None = None

    async def start(self) -> None:
        """Start it, and write its process number to `run/service.pid`."""
        descriptor = self.listener.fileno()
        self.child = await Child.start(
            *(sys.executable, *SERVICE_ARGUMENTS, LISTEN_FD_OPTION, str(descriptor)),
            environment=self.environment,
            keep_open=[descriptor],
        )
        write_file(self.settings.run_dir / "service.pid", f"{self.child.pid}\n".encode())

    async def keep_running(self) -> None:
        """Start it again each time it dies, later each time. Raises Broken when it keeps dying."""
        deaths: deque[float] = deque(maxlen=MAX_DEATHS)
        while True:
            assert self.child is not None  # noqa: S101 — it was started before
            how = await self.child.end()
            now = time.monotonic()
            deaths.append(now)
            if len(deaths) == MAX_DEATHS and now - deaths[0] < TIMES.death_window:
                raise Broken(
                    reason=f"the service {how}; that was the {MAX_DEATHS}th time within "
                    f"{TIMES.death_window:.0f} s, so everything is stopped"
                )
            recent = sum(now - death < TIMES.death_window for death in deaths)
            pause = FIRST_BACKOFF_SECONDS * 2 ** (recent - 1)
            self.announce(f"the service {how}; starting it again in {pause:.1f} s")
            await asyncio.sleep(pause)
            await self.start()

    async def is_ready(self) -> bool:
        """Return whether it answers requests."""
        try:
            reader, writer = await asyncio.open_unix_connection(self.settings.socket_path)
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            status = await reader.readline()
            writer.close()
        except OSError:
            return False
        return b" 200 " in status
