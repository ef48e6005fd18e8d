"""Each test is named after a way by which a cache undid the check in other systems."""

from collections.abc import Iterator

import pytest

from tests.support.blackbox.matrix import ABSENT, HIDING
from tests.support.blackbox.shared_cache import SharedCache
from tests.support.nginx.site_list import change_sites, map_of, status_for, wait_for_status
from tests.support.nginx.wire import Answer, Wire
from tests.support.pictures import picture
from tests.support.stack import Stack, wait_until

BLOG = {"Referer": "https://blog.example.com/"}
STRANGER = {"Referer": "https://stranger.example/"}


@pytest.fixture(scope="module")
def shared() -> Iterator[Stack]:
    """A product that allows caches to keep allowed answers."""
    with Stack(shared_caches=True) as running:
        change_sites(running, add=["blog.example.com"])
        wait_until(lambda: "blog.example.com" in map_of(running), "nginx's map has it")
        wait_for_status(running, running.upload(picture()), "blog.example.com", 200)
        yield running


@pytest.fixture(scope="module")
def front(shared: Stack) -> Iterator[SharedCache]:
    """A shared cache in front of it."""
    with SharedCache(shared) as cache:
        yield cache


@pytest.fixture
def fresh(shared: Stack) -> tuple[str, bytes]:
    """A picture that no cache has seen."""
    content = picture()
    return shared.upload(content), content


def kept(answer: Answer) -> bool:
    return answer["X-Cache"] == "HIT"


def test_cloudflare_imgbed_cache_answers_before_the_check(front: SharedCache, fresh: tuple[str, bytes]) -> None:
    """fileTools.js: pictures went out `public` with `Vary: Range`, so that the CDN served them to strangers unasked."""
    path, content = fresh
    for target in (path, f"/?path={path}", f"/?path={path.replace('/', '%2F')}"):
        assert not kept(front.wire.ask(target, BLOG))
        again = front.wire.ask(target, BLOG)
        assert (kept(again), again.status, again.body) == (True, 200, content)
        for headers in (STRANGER, HIDING, {"Origin": "null"}, {"Origin": "https://stranger.example"}, {"Referer": "x"}):
            answer = front.wire.ask(target, headers)
            assert (kept(answer), answer.status) == (False, 403), headers
        assert front.wire.ask(target, BLOG).body == content


def test_munee_checks_no_referer_of_what_is_cached(front: SharedCache, fresh: tuple[str, bytes]) -> None:
    """meenie/munee issue 36: once the site's own page had filled the cache, anybody could embed the picture."""
    path, content = fresh
    for _ in range(3):
        assert front.wire.ask(path, BLOG).body == content
        assert front.wire.ask(path).body == content
        assert front.wire.ask(path, STRANGER).status == 403


def test_cloudflare_imgbed_keeps_refusals_for_a_day(front: SharedCache, fresh: tuple[str, bytes]) -> None:
    """fileTools.js, returnBlockImg and return404: the refusal was `public, max-age=86400`, also for allowed pages."""
    path, content = fresh
    for target, status in ((path, 403), (f"/?path={path}", 403), (ABSENT, 403)):
        for _ in range(2):
            answer = front.wire.ask(target, STRANGER)
            assert (kept(answer), answer.status, answer["Cache-Control"]) == (False, status, "no-store")
    for _ in range(2):
        answer = front.wire.ask(ABSENT, BLOG)
        assert (kept(answer), answer.status, answer["Cache-Control"]) == (False, 404, "no-store")
    assert front.wire.ask(path, BLOG).body == content


def test_missing_picture_is_not_remembered_as_missing(front: SharedCache, shared: Stack) -> None:
    """The same of return404: a picture that came later stayed missing for a day."""
    content = picture("GIF", seed=77)
    path = shared.upload(content)
    blob = shared.data_dir / "blobs" / path.removeprefix("/")
    blob.rename(blob.with_suffix(".away"))
    for _ in range(2):
        assert front.wire.ask(path, BLOG).status == 404
    blob.with_suffix(".away").rename(blob)
    assert front.wire.ask(path, BLOG).body == content


def test_refused_host_sees_pictures_soon_after_it_is_listed(shared: Stack, fresh: tuple[str, bytes]) -> None:
    """A cached refusal: a page that tried before the owner listed the site remained excluded."""
    path, _ = fresh
    for _ in range(5):
        assert status_for(shared, path, "late.example") == 403
    change_sites(shared, add=["late.example"])
    wait_for_status(shared, path, "late.example", 200)
    change_sites(shared, remove=["late.example"])
    wait_for_status(shared, path, "late.example", 403)


def test_private_answers_are_not_stored_by_a_shared_cache(guarded: Stack) -> None:
    """By default, a shared cache keeps no picture."""
    path = guarded.upload(picture())
    with SharedCache(guarded) as cache:
        for _ in range(3):
            assert [kept(cache.wire.ask(path, headers)) for headers in (BLOG, {}, STRANGER)] == [False] * 3


def test_c2cgeoportal_answer_for_one_origin_goes_to_another(front: SharedCache, fresh: tuple[str, bytes]) -> None:
    """camptocamp/c2cgeoportal pull request 8852: without Vary, one page's answer was another's."""
    path, _ = fresh
    for origin in ("https://blog.example.com", "http://localhost:1313", "http://127.0.0.1"):
        for _ in range(2):
            answer = front.wire.ask(path, {"Origin": origin})
            assert answer.all("Access-Control-Allow-Origin") == [origin]
    assert front.wire.ask(path, BLOG).all("Access-Control-Allow-Origin") == []


def test_head_and_partial_answers_are_not_cached_as_the_whole_picture(front: SharedCache, shared: Stack) -> None:
    """The answer that a stranger gets first from a cache is not the answer for others."""
    content = picture()
    path = shared.upload(content)
    front.wire.ask(path, {**STRANGER, "Range": "bytes=0-3"})
    front.wire.ask(path, STRANGER, method="HEAD")
    front.wire.ask(path, {"Range": "bytes=999999-"})
    assert front.wire.ask(path, BLOG).body == content
    with Wire(shared.port) as wire:
        assert "public" not in wire.ask(path, {"Range": "bytes=999999-"})["Cache-Control"]
