import pytest

from tests.support.pictures import picture
from tests.support.stack import Stack, wait_until
from tests.support.upload.wire import UPLOAD_PATH

SITE = "http://localhost:1313"
STRANGER = "https://stranger.example"
CORS = "access-control-"


def preflight(stack: Stack, origin: str) -> dict[str, str]:
    answer = stack.client.options(
        UPLOAD_PATH,
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "token,content-type,user-agent",
        },
    )
    assert answer.status_code == 204
    assert answer.content == b""
    assert answer.headers["connection"] == "close"
    assert answer.headers["vary"] == "Origin"
    return {name.lower(): value for name, value in answer.headers.items() if name.lower().startswith(CORS)}


def test_page_of_an_allowed_site_may_upload(stack: Stack) -> None:
    assert preflight(stack, SITE) == {
        "access-control-allow-origin": SITE,
        "access-control-allow-methods": "POST",
        "access-control-allow-headers": "token, authorization, x-api-key, content-type",
        "access-control-max-age": "600",
    }


@pytest.mark.parametrize(
    "origin",
    [
        pytest.param(STRANGER, id="a stranger"),
        pytest.param("null", id="a page that hides its origin"),
        pytest.param("http://localhost.stranger.example", id="a stranger that begins like a site"),
        pytest.param("", id="no origin"),
        pytest.param("file://", id="a file"),
    ],
)
def test_other_page_may_not_upload(stack: Stack, origin: str) -> None:
    assert preflight(stack, origin) == {}


def test_page_of_the_service_itself_may_upload(narrow: Stack) -> None:
    assert preflight(narrow, "https://img.example.com")["access-control-allow-origin"] == "https://img.example.com"


def test_added_site_may_upload(stack: Stack) -> None:
    stack.cli("site", "add", "*.blog.example")
    origin = "https://www.blog.example"
    allowed = wait_until(lambda: preflight(stack, origin), "the site is known")
    assert allowed["access-control-allow-origin"] == origin


def test_page_of_an_allowed_site_may_read_the_answer(stack: Stack) -> None:
    answer = stack.post(picture(), Origin=SITE)
    assert answer.headers["access-control-allow-origin"] == SITE
    assert answer.headers["vary"] == "Origin"


def test_page_of_another_site_may_not_read_the_answer(stack: Stack) -> None:
    answer = stack.post(picture(), Origin=STRANGER)
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("token", ["asv_wrong", ""], ids=["wrong token", "no token"])
def test_page_may_read_why_it_was_refused(stack: Stack, token: str) -> None:
    answer = stack.post(picture(), Origin=SITE, token=token)
    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == "*"
