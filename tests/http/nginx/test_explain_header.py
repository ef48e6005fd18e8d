"""The header that tells an administrator the reason of a verdict, and nobody else."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.support.nginx.outage import frozen
from tests.support.stack import Stack, wait_until

HEADER = "X-Authsvc-Verdict"
STRANGER = "https://stranger.example/"


@pytest.fixture(scope="module")
def told() -> Iterator[Stack]:
    """An image host that tells its reasons."""
    with Stack(explain_header=True) as running:
        yield running


@pytest.fixture(scope="module")
def admin(told: Stack) -> str:
    return told.cli("token", "add", "boss", "--scope", "admin").strip()


@pytest.fixture(scope="module")
def told_path(told: Stack, content: bytes) -> str:
    return told.upload(content)


def read(stack: Stack, path: str, token: str, **headers: str) -> httpx2.Response:
    return stack.get(path, X_Authsvc_Explain=token, **headers)


@pytest.mark.parametrize("form", ["{path}", "/?path={path}"], ids=["address", "old address"])
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Referer": "http://127.0.0.1/"}, (200, "allow; reason=known_site; embedder=127.0.0.1; by=nginx; ")),
        ({}, (200, "allow; reason=no_referer; embedder=-none; by=nginx; ")),
        ({"Referer": STRANGER}, (403, "deny; reason=stranger; embedder=stranger.example; by=service; ")),
        ({"Referer": "nonsense"}, (403, "deny; reason=invalid_referer; embedder=-invalid; by=nginx; ")),
        ({"Origin": "null"}, (403, "deny; reason=hidden_referer; embedder=-hidden; by=nginx; ")),
    ],
    ids=["site", "nobody", "stranger", "nonsense", "hidden"],
)
def test_admin_is_told_the_reason(
    told: Stack, admin: str, told_path: str, form: str, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    status, verdict = expected
    answer = read(told, form.format(path=told_path), admin, **headers)
    assert answer.status_code == status
    assert answer.headers[HEADER].startswith(verdict)
    assert answer.headers[HEADER].removeprefix(verdict).startswith("revision=")


def test_missing_picture_tells_the_reason_too(told: Stack, admin: str) -> None:
    answer = read(told, f"/00/{'0' * 30}.png", admin)
    assert answer.status_code == 404
    assert answer.headers[HEADER].startswith("allow; reason=no_referer; ")


def test_nobody_else_is_told_and_the_verdict_is_the_same(told: Stack, admin: str, told_path: str) -> None:
    for token in ("", "wrong", told.token, admin + "x"):
        for referer, status in ((STRANGER, 403), ("http://127.0.0.1/", 200)):
            answer = read(told, told_path, token, Referer=referer)
            assert answer.status_code == status
            assert HEADER not in answer.headers


def test_frozen_service_tells_no_reason_and_the_verdict_stays(told: Stack, admin: str, told_path: str) -> None:
    with frozen(told.pid("service")):
        site = read(told, told_path, admin, Referer="http://127.0.0.1/")
        stranger = read(told, told_path, admin, Referer="https://new.stranger.example/")
    assert (site.status_code, stranger.status_code) == (200, 403)
    assert HEADER not in site.headers
    assert HEADER not in stranger.headers
    wait_until(lambda: HEADER in read(told, told_path, admin).headers, "reasons are told again")


def test_nobody_is_told_by_default(stack: Stack, path: str) -> None:
    admin = stack.cli("token", "add", "curious", "--scope", "admin").strip()
    assert HEADER not in read(stack, path, admin, Referer=STRANGER).headers


def test_explanation_has_no_address_of_its_own(told: Stack, admin: str) -> None:
    for path in ("/_explain", "/explain"):
        answer = read(told, path, admin)
        assert answer.status_code == 404
        assert answer.content == told.placeholder("missing.png")
