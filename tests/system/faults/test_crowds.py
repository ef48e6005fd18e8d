import pytest

from authsvc.errors import TimedOut, Unavailable
from tests.support.experiments import report, size
from tests.support.faults.crowd import MIB, Cache, resident_bytes, slow_crowd, sockets_of_nginx
from tests.support.faults.nginx import workers
from tests.support.faults.service import stopped
from tests.support.faults.slow import HALF_OPEN, SLOW_BODIES
from tests.support.faults.trial import READS, SITES, Trial
from tests.support.faults.underload import Load, now
from tests.support.stack import Stack, wait_until

CONNECTIONS = size(1500, 10_000)
SLOW = {**dict.fromkeys(HALF_OPEN, CONNECTIONS // 2), **dict.fromkeys(SLOW_BODIES, CONNECTIONS // 10)}
"""How many of each kind: that many half-open ones, and slow bodies beside them."""
WITH_SPARE = {kind: count + count // 5 for kind, count in SLOW.items()}
"""Some have been ended, and another is not there yet."""
CROWDED_SECONDS = size(0, 75)
"""Longer than nginx waits for the rest of a head."""
SLOW_CONNECTION_KIB = 32
"""Memory of nginx for one such connection: 8 KB for a request, 16 KB for the start of a body, and the connection."""
HOSTS = size(600, 20_000)
AT_ONCE = size(16, 32)
AT_ONCE_UNANSWERED = size(200, 500)
"""More readers at once, because each waits for a second."""
MOST_CACHE_FILES = 8192
"""The most files that 1 MB of keys can name; each takes one block of 4 KiB."""
CACHE_FILES = 4096
"""The number of files that are left: 16 MiB."""
SERVICE_GROWTH_MIB = 16
WORKER_GROWTH_MIB = 16
"""Growth of each nginx worker, in which every open connection takes a few KB."""


@pytest.mark.timeout(600)
def test_half_open_connections_and_slow_bodies_fail_no_read_and_no_upload(trial: Trial) -> None:
    path = next(iter(trial.pictures))
    most, total = sum(WITH_SPARE.values()), sum(SLOW.values())
    figures: dict[str, float] = {}

    def fault(load: Load) -> None:
        before = nginx_bytes(trial.stack)
        until = now() + CROWDED_SECONDS
        with slow_crowd(trial.stack, trial.folder, path, WITH_SPARE) as crowd:
            crowd.await_size(WITH_SPARE)
            assert sockets_of_nginx(trial.stack) >= total
            trial.note_moment()
            load.go_on({"known": READS, "upload 200": 3, "newcomer": 3})
            wait_until(lambda: now() > until, "crowded long enough", seconds=CROWDED_SECONDS + 1)
            wait_until(lambda: crowd.counts().get("bytes", 0) > CONNECTIONS / 10, "bytes trickle")
            wait_until(lambda: sockets_of_nginx(trial.stack) >= total, "as many as before")
            at_once = crowd.await_size(SLOW)
            growth = nginx_bytes(trial.stack) - before
            ended = crowd.counts().get("ended", 0)
        figures.update(
            half_open=sum(at_once[kind] for kind in HALF_OPEN),
            slow_bodies=sum(at_once[kind] for kind in SLOW_BODIES),
            **{kind.replace(" ", "_"): count for kind, count in at_once.items()},
            ended_by_nginx=ended,
            kib_each=round(growth / most / 1024, 1),
        )
        report("slow connections: open at once", **figures)

    trial.undergo("half-open connections and slow bodies", fault)
    assert figures["half_open"] >= CONNECTIONS
    assert figures["kib_each"] < SLOW_CONNECTION_KIB


@pytest.mark.timeout(600)
def test_stampede_of_strangers_fails_no_read_and_fills_no_memory(trial: Trial) -> None:
    figures: dict[str, float] = {}
    trial.undergo("stampede of strangers", lambda load: figures.update(stampede(trial, load, AT_ONCE, "service up")))
    assert_bounded(figures)


@pytest.mark.timeout(600)
def test_stampede_before_a_frozen_service_fails_no_read_and_fills_no_memory(trial: Trial) -> None:
    figures: dict[str, float] = {}

    def fault(load: Load) -> None:
        with stopped(trial.stack.pid("service")):
            figures.update(stampede(trial, load, AT_ONCE_UNANSWERED, "service frozen"))

    trial.undergo("stampede, service frozen", fault, refusals=(TimedOut, Unavailable))
    assert_bounded(figures)


def nginx_bytes(stack: Stack) -> int:
    """Return what nginx's workers have in memory."""
    return sum(map(resident_bytes, workers(stack)))


def stampede(trial: Trial, load: Load, at_once: int, name: str) -> dict[str, float]:
    """Let many unknown hosts read at once; report and return their answers and the memory afterwards."""
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
            return load.count("known") >= reads and strangers.count("crowd") >= HOSTS

        wait_until(is_over, f"{HOSTS} strangers were answered", seconds=300)
        records = strangers.finish()
    seconds = now() - began
    cache.look()
    wait_until(lambda: cache.look() <= CACHE_FILES, "the cache is as small as it has to be")
    service_growth = resident_bytes(service) - service_before
    growth = max(resident_bytes(pid) - formerly for pid, formerly in before.items())
    figures: dict[str, float] = {
        "hosts": len(records),
        "otherwise": sum(record.outcome != "403" for record in records),
        "hosts_per_second": round(len(records) / seconds),
        "cache_files": cache.most,
        "service_growth_mib": round(service_growth / MIB, 1),
        "worker_growth_mib": round(growth / MIB, 1),
    }
    report(f"stampedes: {name}", **figures)
    return figures


def assert_bounded(figures: dict[str, float]) -> None:
    """Every stranger was refused, and what they leave has a limit."""
    assert figures["otherwise"] == 0
    assert figures["cache_files"] <= MOST_CACHE_FILES
    assert figures["service_growth_mib"] < SERVICE_GROWTH_MIB
    assert figures["worker_growth_mib"] < WORKER_GROWTH_MIB
