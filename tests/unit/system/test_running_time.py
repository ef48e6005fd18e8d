import asyncio
import socket
import threading
from collections.abc import Callable

import pytest
import uvloop

from authsvc.system.running_time import TICK_SECONDS, running_timeout

LIMIT = 3 * TICK_SECONDS

LOOPS = pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])


@LOOPS
def test_work_beyond_the_limit_is_stopped(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def act() -> float:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        with pytest.raises(TimeoutError):
            async with running_timeout(LIMIT):
                await asyncio.Event().wait()
        return loop.time() - begun

    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(act()) >= LIMIT


@LOOPS
def test_what_arrived_while_the_process_stood_still_counts(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def act() -> bytes:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)  # noqa: FBT003 — its signature

            def stand_still() -> None:
                theirs.sendall(b"answer")
                # The event loop is not called meanwhile, as if this process was stopped.
                threading.Event().wait(2 * LIMIT)

            async with running_timeout(LIMIT):
                loop.call_soon(stand_still)
                answer = await loop.sock_recv(ours, 100)
                assert theirs.send(b"again") == 5
                return answer + await loop.sock_recv(ours, 100)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(act()) == b"answeragain"


def test_cancellation_is_not_a_timeout() -> None:
    async def act() -> None:
        async def work() -> None:
            async with running_timeout(LIMIT):
                await asyncio.Event().wait()

        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    asyncio.run(act())


def test_nothing_is_stopped_after_the_context() -> None:
    async def act() -> None:
        async with running_timeout(TICK_SECONDS):
            pass
        done, _ = await asyncio.wait([asyncio.create_task(asyncio.Event().wait())], timeout=3 * TICK_SECONDS)
        assert not done

    asyncio.run(act())
