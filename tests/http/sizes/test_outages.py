"""Readers get a picture when the service, workers or the cache fail."""

import os
import shutil
import signal
import stat
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.contract.small_disk import fill
from tests.support.experiments import promised
from tests.support.nginx.outage import frozen
from tests.support.sizes.reading import AVIF, PLAIN, WEBP, Shown, ask, jobs, photograph, shown
from tests.support.stack import Stack, wait_until
from tests.support.times import PATIENT, shortened

ASKERS = 100


@pytest.fixture(scope="module")
def fragile() -> Iterator[Stack]:
    """A stack whose service, cache and disk fail."""
    with Stack(times=PATIENT, upload_rate=1000, upload_burst=1000, decode_workers=1) as running:
        yield running


@pytest.fixture
def photo(fragile: Stack) -> str:
    return fragile.upload(photograph())


def workers(stack: Stack) -> list[int]:
    """Return the processes that decode."""
    service = stack.pid("service")
    found = subprocess.run(["pgrep", "-P", str(service)], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


def assert_original(answer: Shown, stack: Stack, path: str) -> None:
    """Check that the answer is the picture itself, not to be cached."""
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    assert answer.content == (stack.data_dir / "blobs" / path[1:]).read_bytes()


def test_simultaneous_first_requests_share_one_job(stack: Stack) -> None:
    path = stack.upload(photograph(size=(3000, 2000)))
    before = jobs(stack, "made")
    gate = threading.Barrier(ASKERS)

    def one(number: int) -> Shown:
        gate.wait(60)
        return shown(stack, f"{path}?w=800", WEBP if number % 2 else AVIF)

    with ThreadPoolExecutor(ASKERS) as pool:
        answers = list(pool.map(one, range(ASKERS)))
    assert {answer.status for answer in answers} == {200}
    # Late requests may get AVIF already.
    assert {answer.mime for answer in answers} <= {"image/webp", "image/avif"}
    assert len({answer.content for answer in answers if answer.mime == "image/webp"}) == 1
    assert jobs(stack, "made") == before + 1


def test_existing_size_is_served_without_the_service(fragile: Stack, photo: str) -> None:
    made = shown(fragile, f"{photo}?w=320", WEBP)
    with frozen(fragile.pid("service")):
        assert shown(fragile, f"{photo}?w=320", WEBP).content == made.content


@pytest.mark.waits_for("size_answer")
def test_first_request_with_a_frozen_service_gets_the_picture() -> None:
    with Stack(times=shortened("size_answer"), decode_workers=1) as stack:
        path = stack.upload(photograph())
        with frozen(stack.pid("service")):
            assert_original(shown(stack, f"{path}?w=320", WEBP), stack, path)
        wait_until(lambda: ask(stack, f"{path}?w=320", WEBP).headers["content-type"] == "image/webp", "it is made")


def test_first_request_with_a_dead_service_gets_the_picture_or_the_size(fragile: Stack, photo: str) -> None:
    victim = fragile.pid("service")
    os.kill(victim, signal.SIGKILL)
    answer = shown(fragile, f"{photo}?w=320", WEBP)
    assert answer.status == 200
    if answer.mime != "image/webp":
        assert_original(answer, fragile, photo)
    wait_until(lambda: fragile.pid("service") != victim, "a new service runs")
    wait_until(
        lambda: ask(fragile, f"{photo}?w=320", WEBP).headers["content-type"] == "image/webp", "it is made", seconds=30
    )


@pytest.mark.parametrize("is_killed", [True, False], ids=["killed", "hanging"])
def test_reader_gets_a_picture_when_a_worker_dies(*, is_killed: bool) -> None:
    with Stack(decode_timeout=2, decode_workers=1) as stack:
        path = stack.upload(photograph())
        (victim,) = workers(stack)
        os.kill(victim, signal.SIGSTOP)
        with ThreadPoolExecutor(1) as pool:
            asking = pool.submit(shown, stack, f"{path}?w=640", PLAIN)
            if is_killed:
                os.kill(victim, signal.SIGKILL)
            answer = asking.result(60)
        assert (answer.status, answer.mime) == (200, "image/jpeg")
        assert answer.size[0] == (640 if is_killed else 1000)
        assert shown(stack, f"{path}?w=800", PLAIN).size[0] == 800
        assert victim not in workers(stack)


@pytest.mark.parametrize("is_whole", [False, True], ids=["what is in it", "the folder itself"])
def test_readers_get_pictures_while_the_cache_is_deleted(fragile: Stack, photo: str, *, is_whole: bool) -> None:
    cache = fragile.data_dir / "derivatives"
    enough = threading.Event()

    def read(accept: str) -> set[int]:
        found = set()
        while not enough.is_set():
            found |= {shown(fragile, f"{photo}?w={width}", accept).status for width in (160, 320, 640)}
        return found

    group = cache.stat().st_gid
    with ThreadPoolExecutor(3) as readers:
        reading = [readers.submit(read, accept) for accept in (PLAIN, WEBP, AVIF)]
        try:
            for _ in range(20):
                wait_until(lambda: list(cache.glob("??/*/*.webp")), "something is made")
                for folder in [cache] if is_whole else list(cache.iterdir()):
                    shutil.rmtree(folder, ignore_errors=True)
        finally:
            enough.set()
    assert [each.result() for each in reading] == [{200}] * 3
    # A size that nginx does not have open any more.
    assert shown(fragile, f"{photo}?w=800", WEBP).mime == "image/webp"
    assert cache.stat().st_gid == group
    assert stat.S_IMODE(cache.stat().st_mode) == 0o2750


def test_full_cache_disk_shows_the_picture_itself(fragile: Stack, photo: str) -> None:
    cache = fragile.data_dir / "derivatives"
    mount = ["mount", "-t", "tmpfs", "-o", f"size=64k,mode=2750,gid={cache.stat().st_gid}", "tmpfs", str(cache)]
    subprocess.run(mount, check=True)
    try:
        ballast = fill(cache)
        before = jobs(fragile, "not_now")
        assert_original(shown(fragile, f"{photo}?w=640", WEBP), fragile, photo)
        assert jobs(fragile, "not_now") == before + 1
        assert not list(cache.glob("tmp/*"))
        ballast.unlink()
        assert shown(fragile, f"{photo}?w=640", WEBP).mime == "image/webp"
    finally:
        subprocess.run(["umount", "--lazy", str(cache)], check=True)


def test_sizes_of_a_removed_picture_are_404_within_ten_seconds(fragile: Stack, photo: str) -> None:
    for accept in (PLAIN, WEBP):
        shown(fragile, f"{photo}?w=320", accept)
    fragile.cli("image", "rm", photo)
    wait_until(lambda: ask(fragile, f"{photo}?w=320", WEBP).status_code == 404, "it is removed", seconds=promised(10))
    assert ask(fragile, f"{photo}?w=320").status_code == 404
    assert not (fragile.data_dir / "derivatives" / photo[1:]).exists()


def test_cache_stays_below_its_limit() -> None:
    limit = 2**20
    with Stack(size_cache_max_bytes=limit) as stack:
        for _ in range(6):
            path = stack.upload(photograph(size=(1900, 1300)))
            for width in (1280, 800, 640):
                assert shown(stack, f"{path}?w={width}", PLAIN).size[0] == width
        kept = [file.stat().st_size for file in (stack.data_dir / "derivatives").glob("??/*/*")]
        assert 0 < sum(kept) <= limit
        assert len(kept) < 18
