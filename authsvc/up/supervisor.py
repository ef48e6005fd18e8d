"""Keep service and nginx running until one cannot be kept, or a signal ends both."""

import asyncio
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from authsvc.errors import AuthsvcError
from authsvc.settings import Settings
from authsvc.times import TIMES
from authsvc.up.child import all_ended
from authsvc.up.nginx import SupervisedNginx
from authsvc.up.service import SupervisedService
from authsvc.up.site_list import SiteListFollower

READY_SECONDS: Final = 30.0
LAST_GRACE_SECONDS: Final = 0.7
_READY_POLL_SECONDS: Final = 0.01


@dataclass
class Supervisor:
    """Runs one service and one nginx. `run` returns when both have ended.

    `announce` gets each message for the operator; `greet` is called once, when
    both answer.
    """

    settings: Settings
    service: SupervisedService
    nginx: SupervisedNginx
    announce: Callable[[str], None]
    greet: Callable[[], None]
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Start both, watch them, end them. Raises Broken when one cannot be kept running."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._stop.set)
        try:
            await self.nginx.start()
            await self.service.start()
            await self._watch()
        finally:
            await self._end_all()

    async def _watch(self) -> None:
        """Return after a signal; raise when a part cannot be kept running."""
        follower = SiteListFollower(self.nginx, self.announce)
        parts = [
            asyncio.create_task(part)
            for part in (self._stop.wait(), self.service.keep_running(), self.nginx.watch(), follower.follow())
        ]
        tasks = [*parts, asyncio.create_task(self._greet_when_ready())]
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _greet_when_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if await self.service.is_ready() and await self.nginx.is_ready():
                try:
                    self.greet()
                except (AuthsvcError, OSError) as error:
                    self.announce(f"everything runs, but the first token and the example cannot be shown: {error}")
                return
            await asyncio.sleep(_READY_POLL_SECONDS)
        self.announce(f"service or nginx does not answer after {READY_SECONDS:.0f} s; see {self.settings.log_dir}")

    async def _end_all(self) -> None:
        """End both: let requests finish first, kill what is left."""
        if self.nginx.child is not None:
            self.nginx.child.send(signal.SIGQUIT)
        if self.service.child is not None:
            self.service.child.send(signal.SIGTERM)
        children = [child for child in (self.nginx.child, self.service.child) if child is not None]
        for number, seconds in ((signal.SIGTERM, TIMES.up_grace), (signal.SIGKILL, LAST_GRACE_SECONDS)):
            if await all_ended(children, within_seconds=seconds):
                break
            for child in children:
                child.send_to_group(number)
        for child in children:
            # nginx's workers outlive a killed master, and keep the port in use.
            child.send_to_group(signal.SIGKILL)
        await all_ended(children, within_seconds=LAST_GRACE_SECONDS)
        for name in ("service.pid", "nginx.pid"):
            (self.settings.run_dir / name).unlink(missing_ok=True)
        self.settings.socket_path.unlink(missing_ok=True)
