"""Serving does not depend on the service: it may be dead, dying or frozen."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import pytest

from tests.support.nginx.outage import frozen
from tests.support.nginx.site_list import (
    access_of,
    change_sites,
    map_of,
    status_for,
    wait_for_status,
    wait_until_service_is_quiet,
)
from tests.support.nginx.wire import Answer, Wire
from tests.support.pictures import picture
from tests.support.stack import Stack, wait_until
from tests.support.times import PATIENT, shortened
from tests.support.upload.catalog import write_lock

KILLS = 3  # with the one more below fewer than the five at which the parent gives up
VERDICT_SECONDS = 10.0  # generous: nginx waits for the service for one second
ABSENT = "/00/000000000000000000000000000000.png"


@pytest.fixture(scope="module")
def fragile() -> Iterator[Stack]:
    """A stack whose service is killed and frozen."""
    with Stack(times=shortened("verdict_kept")) as running:
        change_sites(running, add=["known.example", "*.known.example"])
        wait_until(lambda: "\\known.example 1;" in map_of(running), "nginx's map has the site")
        wait_for_status(running, running.upload(picture()), "known.example", 200)
        yield running


@pytest.fixture
def calm() -> Iterator[Stack]:
    """A stack whose service has enough time for a verdict on a busy machine; a frozen one delays a read by as much."""
    with Stack(times=shortened("verdict_kept", of=replace(PATIENT, verdict_answer=5))) as running:
        yield running


@pytest.fixture(scope="module")
def shown(fragile: Stack) -> str:
    """The address of a picture in it."""
    return fragile.upload(picture())


def read(stack: Stack, target: str, referer: str = "") -> Answer:
    """Read on a new connection; fail if no answer comes in time."""
    with Wire(stack.port, seconds=VERDICT_SECONDS) as wire:
        return wire.ask(target, {"Referer": referer} if referer else {})


def assert_serving(stack: Stack, path: str) -> None:
    """Check everything that works without the service."""
    for target in (path, f"/?path={path}", f"/?path={path[1:]}"):
        for referer in ("http://known.example/post", "https://a.b.known.example", "http://localhost:1313/", ""):
            assert read(stack, target, referer).status == 200, (target, referer)
    assert read(stack, path, "nonsense").status == 403
    assert read(stack, ABSENT).status == 404
    assert read(stack, "/").status == 404


def assert_as_before(stack: Stack, path: str) -> None:
    """Check that the service works again."""
    assert_serving(stack, path)
    escaped = f"/?path={path.replace('/', '%2F')}"
    wait_until(lambda: read(stack, escaped).status == 200, "other spellings are served")
    assert read(stack, path, "http://stranger-afterwards.example/").status == 403
    assert stack.post(picture()).status_code == 200


def revive(stack: Stack, dead: int) -> None:
    """Wait until another service than `dead` answers."""
    wait_until(lambda: _service_pid(stack) not in {dead, None}, "the service is started again")
    wait_until(lambda: _is_ready(stack), "it answers")


def _service_pid(stack: Stack) -> int | None:
    """Return the service's number, None while its file is being written."""
    try:
        return stack.pid("service")
    except ValueError:
        return None


def _is_ready(stack: Stack) -> bool:
    return stack.ask_service("/readyz").status_code == 200


def test_dead_service_does_not_affect_known_sites(fragile: Stack, shown: str) -> None:
    dead = fragile.pid("service")
    with frozen(fragile.process.pid):  # the parent, so that it stays dead
        os.kill(dead, signal.SIGKILL)
        assert_serving(fragile, shown)
        denied = read(fragile, shown, "http://never-seen.example/")
        assert (denied.status, denied["Content-Type"], denied["Cache-Control"]) == (403, "image/png", "no-store")
        escaped = read(fragile, f"/?path={shown.replace('/', '%2F')}")
        assert (escaped.status, escaped["Content-Type"], escaped["Cache-Control"]) == (503, "image/png", "no-store")
    revive(fragile, dead)
    assert_as_before(fragile, shown)


@pytest.mark.waits_for("verdict_answer")
@pytest.mark.waits_for("legacy_answer")
def test_frozen_service_does_not_affect_known_sites(fragile: Stack, shown: str) -> None:
    with frozen(fragile.pid("service")):
        assert_serving(fragile, shown)
        denied = read(fragile, shown, "http://never-met.example/")
        assert (denied.status, denied["Content-Type"], denied["Cache-Control"]) == (403, "image/png", "no-store")
        escaped = read(fragile, f"/?path={shown.replace('/', '%2F')}")
        assert (escaped.status, escaped["Content-Type"]) == (503, "image/png")
    assert_as_before(fragile, shown)


def test_flood_of_strangers_before_a_frozen_service_keeps_nobody_waiting(fragile: Stack, shown: str) -> None:
    with frozen(fragile.pid("service")), ThreadPoolExecutor(32) as strangers:
        flood = [strangers.submit(read, fragile, shown, f"http://flood{number}.example/") for number in range(96)]
        while not all(one.done() for one in flood):
            assert read(fragile, shown, "http://known.example/").status == 200
        assert {one.result().status for one in flood} == {403}
    assert_as_before(fragile, shown)


def test_service_that_keeps_being_killed_is_not_noticed_by_readers(fragile: Stack, shown: str) -> None:
    enough = threading.Event()

    def keep_reading(referer: str) -> set[int]:
        found = set()
        number = 0
        while not enough.is_set():
            number += 1
            found.add(read(fragile, shown, referer.format(number)).status)
            found.add(read(fragile, f"/?path={shown}", referer.format(number)).status)
        return found

    with ThreadPoolExecutor(3) as readers:
        known = readers.submit(keep_reading, "http://known.example/{}")
        nobody = readers.submit(keep_reading, "")
        strangers = readers.submit(keep_reading, "http://stranger{}.example/")
        try:
            for _ in range(KILLS):
                victim = fragile.pid("service")
                os.kill(victim, signal.SIGKILL)
                revive(fragile, victim)
        finally:
            enough.set()
    assert (known.result(), nobody.result(), strangers.result()) == ({200}, {200}, {403})
    assert_as_before(fragile, shown)


@pytest.mark.waits_for("verdict_kept")
def test_last_known_verdict_outlives_its_time_while_the_service_is_silent(calm: Stack) -> None:
    path = calm.upload(picture())
    with frozen(calm.process.pid):  # so that nginx's map never learns of the site
        with access_of(calm) as access:
            access.add_site("only-the-service-knows.example", now=0)
        question = {"X-Embedder": "only-the-service-knows.example"}
        wait_until(lambda: calm.ask_service("/verdict", question).status_code == 204, "the service knows")
        assert status_for(calm, path, "only-the-service-knows.example") == 200
        assert "only-the-service-knows" not in map_of(calm)
        with frozen(calm.pid("service")):
            silent_since = time.monotonic()

            def has_outlived() -> bool:
                assert status_for(calm, path, "only-the-service-knows.example") == 200
                return time.monotonic() - silent_since > 1.2 * calm.times.verdict_kept

            wait_until(has_outlived, "the verdict is stale")
            assert status_for(calm, path, "nobody-knows.example") == 403
    change_sites(calm, remove=["only-the-service-knows.example"])
    wait_for_status(calm, path, "only-the-service-knows.example", 403)


def test_site_added_while_the_service_is_frozen_is_let_in(fragile: Stack, shown: str) -> None:
    wait_until_service_is_quiet(fragile)
    with ExitStack() as frost:
        # If it were frozen during a write, it would keep the catalog's lock.
        with write_lock(fragile):
            frost.enter_context(frozen(fragile.pid("service")))
        fragile.cli("site", "add", "meanwhile.example")
        wait_for_status(fragile, shown, "meanwhile.example", 200)
        fragile.cli("site", "remove", "meanwhile.example")
        wait_for_status(fragile, shown, "meanwhile.example", 403)
    assert_as_before(fragile, shown)
