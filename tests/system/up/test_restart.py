import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.pictures import picture
from tests.support.stack import Stack, wait_until
from tests.support.up.processes import assert_gone, descendants, left_of


@pytest.fixture(scope="module")
def restarted() -> Iterator[Stack]:
    """A stack whose service may be killed, a few times in all."""
    with Stack() as running:
        yield running


def kill_service(stack: Stack, number: signal.Signals) -> int:
    """End the service, wait until it has ended, and return its number."""
    pid = stack.pid("service")
    gone = frozenset(process for process in descendants(pid) if process.pid == pid)
    os.kill(pid, number)
    wait_until(lambda: not left_of(gone), "the service has ended")
    return pid


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: number.name)
def test_dead_service_is_named_and_started_again(restarted: Stack, number: signal.Signals) -> None:
    already = restarted.output.count("starting it again")
    before = kill_service(restarted, number)
    answer = restarted.post(picture())
    assert answer.status_code == 200, answer.text
    assert restarted.pid("service") != before
    wait_until(lambda: restarted.output.count("starting it again") == already + 1, "it says so")
    assert f"authsvc: the service was killed by {number.name}; starting it again in " in restarted.output


def test_requests_wait_while_the_service_is_started_again(restarted: Stack) -> None:
    path = restarted.upload(picture())
    kill_service(restarted, signal.SIGKILL)
    # Its parent keeps the listening socket open: connections wait, and none is refused.
    assert restarted.ask_service("/readyz").status_code == 200
    assert restarted.get(path, Referer="http://localhost/").status_code == 200


def test_service_that_keeps_dying_ends_everything() -> None:
    with Stack() as stack:
        family = descendants(stack.process.pid)
        seen: set[int] = set()
        for _ in range(5):
            wait_until(lambda: has_fresh_service(stack, seen), "a service is there")
            seen.add(kill_service(stack, signal.SIGKILL))
        assert_gone(family)
        assert stack.wait() == 1
        said = [line for line in stack.output.splitlines() if line.startswith("authsvc: the service ")]
        pauses = [line.rpartition(" in ")[2] for line in said[:-1]]
        assert pauses == ["0.1 s", "0.2 s", "0.4 s", "0.8 s"]
        assert said[-1].endswith("that was the 5th time within 30 s, so everything is stopped")
        assert "Traceback" not in stack.output


def has_fresh_service(stack: Stack, seen: set[int]) -> bool:
    text = Path(stack.data_dir, "run", "service.pid").read_text().strip()
    return text.isdigit() and int(text) not in seen and Path("/proc", text).exists()


def test_damaged_catalog_ends_everything_with_a_reason_and_no_traceback() -> None:
    with Stack() as stack:
        family = descendants(stack.process.pid)
        for file in (stack.data_dir / "catalog").iterdir():
            file.write_bytes(b"no database " * 1000)
        kill_service(stack, signal.SIGKILL)
        wait_until(lambda: stack.process.poll() is not None, "it gives up")
        assert_gone(family)
        assert stack.wait() == 1
        assert "everything is stopped" in stack.output.splitlines()[-1]
        assert "Traceback" not in stack.output
        assert "catalog" in "".join(line for line in stack.output.splitlines() if line.startswith("authsvc: "))
