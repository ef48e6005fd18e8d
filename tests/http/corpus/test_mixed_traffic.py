"""Uploads, new sizes and reads for a long time: memory does not grow."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from authsvc.imaging.decoder.scheduler import EXTRA_WORKERS
from tests.support.corpus.pictures import VALID
from tests.support.decoder.pool import processes
from tests.support.experiments import FULL, report, size
from tests.support.sizes.reading import AVIF, PLAIN, WEBP, photograph
from tests.support.stack import Stack
from tests.support.up.processes import status_of

SECONDS = size(10, 1800)
SAMPLES = 20
GROWTH_MB = 15
"""Maximum growth of memory from the first half to the second."""
WORKERS = 2
WIDTHS = (160, 320, 640, 800)


@pytest.mark.timeout(2 * SECONDS + 120)
def test_memory_stays_flat_under_mixed_traffic() -> None:
    counted: Counter[str] = Counter()
    enough = threading.Event()
    paths: list[str] = []

    def upload(stack: Stack, shade: random.Random) -> None:
        if shade.random() < 0.5:
            content = photograph(size=(shade.randrange(300, 2500), shade.randrange(200, 1800)))
        else:
            _, content = shade.choice(list(VALID.values()))
        answer = stack.post(content)
        counted["uploads" if answer.status_code == 200 else "failed"] += 1
        if answer.status_code == 200:
            paths.append(answer.json()["data"]["path"])
            # Use only the newest pictures, so that the sizes of older ones are removed from the cache.
            del paths[:-300]

    def read(stack: Stack, shade: random.Random) -> None:
        query = f"?w={shade.choice(WIDTHS)}" if shade.random() < 0.7 else ""
        answer = stack.get(shade.choice(paths) + query, Accept=shade.choice((PLAIN, WEBP, AVIF)))
        counted["reads" if answer.status_code == 200 else "failed"] += 1

    def repeat(act: Callable[[Stack, random.Random], None], stack: Stack, seed: int) -> None:
        shade = random.Random(seed)
        while not enough.is_set():
            act(stack, shade)
            enough.wait(shade.random() / 20)

    with Stack(
        upload_rate=10_000, upload_burst=100_000, decode_workers=WORKERS, size_cache_max_bytes=20 * 2**20
    ) as stack:
        paths.append(stack.upload(photograph()))
        service = stack.pid("service")
        assert stack.token
        samples: list[tuple[float, float]] = []
        with ThreadPoolExecutor(4) as threads:
            going = [threads.submit(repeat, act, stack, seed) for seed, act in enumerate((upload, upload, read, read))]
            try:
                for _ in range(SAMPLES):
                    enough.wait(SECONDS / SAMPLES)
                    workers = [_megabytes(pid) for pid in processes(service)]
                    assert 0 < len(workers) <= WORKERS + EXTRA_WORKERS
                    samples.append((_megabytes(service), max(workers)))
            finally:
                enough.set()
        for each in going:
            each.result()
        assert stack.pid("service") == service
        half = SAMPLES // 2
        (service_before, worker_before), (service_after, worker_after) = (
            (max(one for one, _ in part), max(other for _, other in part)) for part in (samples[:half], samples[half:])
        )
        report(
            "mixed traffic: uploads, sizes and pictures",
            minutes=round(SECONDS / 60, 1),
            uploads=counted["uploads"],
            reads=counted["reads"],
            failed=counted["failed"],
            service_first_mb=round(service_before, 1),
            service_second_mb=round(service_after, 1),
            worker_first_mb=round(worker_before, 1),
            worker_second_mb=round(worker_after, 1),
        )
        assert counted["failed"] == 0
        assert min(counted["uploads"], counted["reads"]) > SECONDS
        if FULL:
            assert service_after - service_before < GROWTH_MB
            assert worker_after - worker_before < GROWTH_MB


def _megabytes(pid: int) -> float:
    return int(status_of(pid)["VmRSS"].split()[0]) / 1024
