"""Time limits that count only the time in which this process runs.

A process can be stopped: by SIGSTOP, by the freezer of cgroups, or because its
virtual machine is paused. An ordinary time limit then ends at once when the
process continues, before the event loop has seen what arrived in the meantime.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

TICK_SECONDS: Final = 0.1
"""A limit is counted down in steps of this length."""
MAX_CHARGED: Final = 2.0
"""A step that took longer, because this process was stopped or the machine busy, counts as at most so many steps."""


@asynccontextmanager
async def running_timeout(seconds: float) -> AsyncIterator[None]:
    """Raise TimeoutError when the context takes longer than `seconds`, as `asyncio.timeout` does.

    Time in which this process is stopped does not count. Whatever arrived by the end of the limit
    is processed first: the context ends one step after the limit.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as timeout:
        left, last = seconds, loop.time()
        ticking: asyncio.TimerHandle

        def count_down() -> None:
            nonlocal left, last, ticking
            now = loop.time()
            left -= min(now - last, MAX_CHARGED * TICK_SECONDS)
            last = now
            if left > 0:
                ticking = loop.call_later(min(TICK_SECONDS, left), count_down)
            else:
                timeout.reschedule(now + TICK_SECONDS)

        ticking = loop.call_later(min(TICK_SECONDS, left), count_down)
        try:
            yield
        finally:
            ticking.cancel()
