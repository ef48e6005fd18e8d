"""Readers that may see pictures also get sizes, with the same headers."""

import pytest

from tests.support.nginx.site_list import change_sites
from tests.support.sizes.reading import PLAIN, WEBP, ask, jobs, photograph, shown
from tests.support.stack import Stack, wait_until

MISSING = "/00/000000000000000000000000000000.jpg"
STRANGER = "http://stranger.example/post"


@pytest.mark.parametrize("is_made", [False, True], ids=["not made yet", "made"])
def test_stranger_gets_the_hotlink_picture_and_no_size_is_made(stack: Stack, photo: str, *, is_made: bool) -> None:
    if is_made:
        shown(stack, f"{photo}?w=320")
    before = jobs(stack, "made")
    denied = [ask(stack, address, Referer=STRANGER) for address in (f"{photo}?w=320", f"{MISSING}?w=320", photo)]
    assert [answer.status_code for answer in denied] == [403] * 3
    assert {answer.content for answer in denied} == {stack.placeholder("hotlink.png")}
    assert len({tuple(line for line in answer.headers.multi_items() if line[0] != "date") for answer in denied}) == 1
    assert jobs(stack, "made") == before


def test_missing_picture_has_no_sizes(stack: Stack) -> None:
    answer = ask(stack, f"{MISSING}?w=320")
    assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store")
    assert answer.content == stack.placeholder("missing.png")


def test_site_that_only_the_service_knows_gets_sizes() -> None:
    with Stack() as stack:
        path = stack.upload(photograph())
        change_sites(stack, add=["new.example"])
        page = "https://new.example/post"
        wait_until(lambda: ask(stack, f"{path}?w=320", Referer=page).status_code == 200, "the site is known")
        # Its wildcard is not in nginx's map until it is reloaded; the service answers meanwhile.
        assert ask(stack, f"{path}?w=640", WEBP, Referer=page).headers["content-type"] == "image/webp"


def test_size_has_the_headers_of_a_picture_and_varies_by_accept(stack: Stack, photo: str) -> None:
    picture, size = ask(stack, photo), ask(stack, f"{photo}?w=320")
    differing = {"date", "content-length", "etag", "last-modified", "vary"}
    assert {k: v for k, v in size.headers.items() if k not in differing} == {
        k: v for k, v in picture.headers.items() if k not in differing
    }
    assert size.headers["vary"] == f"Accept, {picture.headers['vary']}"


def test_head_request_makes_a_size(stack: Stack, photo: str) -> None:
    head = stack.client.head(f"{photo}?w=800", headers={"Accept": PLAIN})
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(shown(stack, f"{photo}?w=800").content))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_than_get_and_head_are_refused(stack: Stack, photo: str, method: str) -> None:
    answer = stack.client.request(method, f"{photo}?w=320")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_range_and_etag_of_a_size(stack: Stack, photo: str) -> None:
    whole = ask(stack, f"{photo}?w=320")
    part = ask(stack, f"{photo}?w=320", Range="bytes=2-5")
    assert (part.status_code, part.content) == (206, whole.content[2:6])
    assert ask(stack, f"{photo}?w=320", If_None_Match=whole.headers["etag"]).status_code == 304


@pytest.mark.parametrize("address", ["/_sized/", "/_asked/_sized/", "/_derive", "/_derived", "/_original"])
@pytest.mark.parametrize("query", ["", "?w=320"])
def test_internal_addresses_are_404_outside(stack: Stack, photo: str, address: str, query: str) -> None:
    assert ask(stack, address + query).status_code == 404
    if address.endswith("/"):
        assert ask(stack, address + photo[1:] + query).status_code == 404


@pytest.mark.parametrize(
    ("size", "accepts"),
    [
        ("../../etc/passwd/320", "plain"),
        ("98/d291879bf32c45c4a56958bd9dfd1e.png/321", "plain"),
        ("98/d291879bf32c45c4a56958bd9dfd1e.png/320", "gif"),
        ("98/d291879bf32c45c4a56958bd9dfd1e.png/320/", "plain"),
        ("", ""),
    ],
    ids=["a path", "another width", "another format", "one more slash", "nothing"],
)
def test_service_makes_only_sizes_that_exist(stack: Stack, size: str, accepts: str) -> None:
    headers = {"X-Derivative": size, "X-Accepts": accepts}
    assert stack.ask_service("/derive", headers).status_code == 404


def test_shared_caches_may_keep_sizes_when_they_may_keep_pictures() -> None:
    with Stack(shared_caches="true") as stack:
        path = stack.upload(photograph())
        found = ask(stack, f"{path}?w=320").headers["cache-control"]
    assert found == "public, max-age=31536000, immutable"
