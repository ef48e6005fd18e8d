from collections import Counter

import pytest

from authsvc.errors import TimedOut, Unavailable
from tests.campaign import size
from tests.faults.crowd import MIB, Cache, resident_bytes, slow_crowd, sockets_of_nginx
from tests.faults.nginx import workers
from tests.faults.service import stopped
from tests.faults.slow import KINDS
from tests.faults.trial import READS, SITES, Trial
from tests.faults.underload import Load, now
from tests.stack import Stack, wait_until

CONNECTIONS = size(1500, 10_000)
WITH_SPARE = CONNECTIONS + CONNECTIONS // 10
"""Some have been ended, and another is not there yet."""
CROWDED_SECONDS = size(0, 75)
"""Longer than nginx waits for the rest of a head."""
SLOW_CONNECTION_BYTES = 32 * 1024
"""What one may cost nginx: 8 KB for a request, 16 KB for the beginning of a body, and the connection."""
HOSTS = size(600, 20_000)
AT_ONCE = size(16, 32)
AT_ONCE_UNANSWERED = size(200, 500)
"""As many as it takes, where each waits for a second."""
MOST_CACHE_FILES = 8192
"""What 1 MB of keys can name; each file takes one block of 4 KiB."""
CACHE_FILES = 4096
"""What is left of them: 16 MiB."""
SERVICE_GROWTH_BYTES = 16 * MIB
NGINX_GROWTH_BYTES = 16 * MIB
"""Of each worker, whose every connection takes a few KB as long as it lives."""


@pytest.mark.timeout(600)
def test_half_open_connections_and_slow_bodies_fail_no_read_and_no_upload(trial: Trial) -> None:
    large = max(trial.pictures, key=lambda path: len(trial.pictures[path]))

    def fault(load: Load) -> None:
        before = nginx_bytes(trial.stack)
        until = now() + CROWDED_SECONDS
        with slow_crowd(trial.stack, trial.folder, large, WITH_SPARE) as crowd:
            crowd.await_size(WITH_SPARE)
            assert sockets_of_nginx(trial.stack) >= CONNECTIONS
            trial.note_moment()
            load.go_on({"known": READS, "upload 200": 3, "newcomer": 3})
            wait_until(lambda: now() > until, "crowded long enough", seconds=CROWDED_SECONDS + 1)
            wait_until(lambda: crowd.counts().get("bytes", 0) > CONNECTIONS / 10, "bytes trickle", seconds=30)
            wait_until(lambda: sockets_of_nginx(trial.stack) >= CONNECTIONS, "as many as before", seconds=30)
            counts = crowd.counts()
            growth = nginx_bytes(trial.stack) - before
        assert all(counts[kind] for kind in KINDS), counts
        trial.figures = {
            "slow_connections": CONNECTIONS,
            "slow_ended": counts.get("ended", 0),
            "kib_each": round(growth / WITH_SPARE / 1024, 1),
        }
        assert growth < WITH_SPARE * SLOW_CONNECTION_BYTES

    trial.undergo("half-open connections", fault)


@pytest.mark.timeout(600)
def test_stampede_of_strangers_fails_no_read_and_fills_no_memory(trial: Trial) -> None:
    trial.undergo("stampede of strangers", lambda load: stampede(trial, load, AT_ONCE))


@pytest.mark.timeout(600)
def test_stampede_before_a_frozen_service_fails_no_read_and_fills_no_memory(trial: Trial) -> None:
    def fault(load: Load) -> None:
        with stopped(trial.stack.pid("service")):
            stampede(trial, load, AT_ONCE_UNANSWERED)

    trial.undergo("stampede, service frozen", fault, refusals=(TimedOut, Unavailable))


def nginx_bytes(stack: Stack) -> int:
    """Return what nginx's workers have in memory."""
    return sum(map(resident_bytes, workers(stack)))


def stampede(trial: Trial, load: Load, at_once: int) -> None:
    """Have as many hosts ask that nobody knows; each is refused, and what they leave is bounded."""
    stack, cache = trial.stack, Cache(trial.stack)
    service = stack.pid("service")
    service_before = resident_bytes(service)
    before = {pid: resident_bytes(pid) for pid in workers(stack)}
    reads = load.count("known") + READS
    began = now()
    crowd = {"crowd": at_once}
    # Nice, because strangers do not take the server's processor for what they do themselves.
    with Load(stack, trial.folder / "crowd", SITES, trial.pictures, workers=crowd, nice=10) as strangers:

        def is_over() -> bool:
            cache.look()
            return load.count("known") >= reads and strangers.count("crowd 403") >= HOSTS

        wait_until(is_over, f"{HOSTS} strangers were answered", seconds=300)
        records = strangers.finish()
    seconds = now() - began
    assert set(Counter(record.outcome for record in records)) == {"403"}
    cache.look()
    assert cache.most <= MOST_CACHE_FILES
    wait_until(lambda: cache.look() <= CACHE_FILES, "the cache is as small as it has to be", seconds=30)
    service_growth = resident_bytes(service) - service_before
    growth = max(resident_bytes(pid) - formerly for pid, formerly in before.items())
    trial.figures = {
        "hosts": len(records),
        "hosts_per_second": round(len(records) / seconds),
        "cache_files": cache.most,
        "service_growth_mib": round(service_growth / MIB, 1),
        "worker_growth_mib": round(growth / MIB, 1),
    }
    assert service_growth < SERVICE_GROWTH_BYTES
    assert growth < NGINX_GROWTH_BYTES
