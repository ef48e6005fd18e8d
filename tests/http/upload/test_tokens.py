import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.experiments import promised
from tests.support.pictures import picture
from tests.support.stack import WAIT_SECONDS, Stack, wait_until
from tests.support.upload.wire import Answer, assert_refused, exchange, form, part, send_form


def upload_with(stack: Stack, *headers: str) -> Answer:
    """Upload a picture with these headers instead of a token of the tests."""
    body = form(part(picture()))
    fixed = [
        "POST /api/v1/upimg HTTP/1.1",
        "Host: pictures.test",
        "Content-Type: multipart/form-data; boundary=frontier",
        f"Content-Length: {len(body)}",
    ]
    return exchange(stack, "\r\n".join([*fixed, *headers, "", ""]).encode(), body)


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("token: {}", id="token"),
        pytest.param("TOKEN:   {}  ", id="other case and spaces"),
        pytest.param("Authorization: Bearer {}", id="bearer"),
        pytest.param("authorization: bearer {}", id="bearer in lower case"),
        pytest.param("token: {}\r\nAuthorization: Bearer nonsense", id="token before bearer"),
    ],
)
def test_token_is_read_from_either_header(stack: Stack, header: str) -> None:
    assert upload_with(stack, header.format(stack.token)).status == 200


def wait_until_refused(stack: Stack, token: str, *, seconds: float = WAIT_SECONDS) -> None:
    wait_until(lambda: send_form(stack, part(picture()), token=token).status == 401, "it stops", seconds=seconds)


@pytest.mark.waits_for("access_poll")
def test_revoked_token_stops_within_two_seconds(stack: Stack) -> None:
    token = stack.cli("token", "add", "short-lived").strip()
    assert send_form(stack, part(picture()), token=token).status == 200
    stack.cli("token", "revoke", "short-lived")
    wait_until_refused(stack, token, seconds=promised(2))


@pytest.fixture(scope="module")
def revoked(stack: Stack) -> str:
    token = stack.cli("token", "add", "to be revoked").strip()
    stack.cli("token", "revoke", "to be revoked")
    wait_until_refused(stack, token)
    return token


@pytest.fixture(scope="module")
def expired(stack: Stack) -> str:
    token = stack.cli("token", "add", "to expire", "--expires", "1s").strip()
    wait_until_refused(stack, token)
    return token


def test_every_unusable_token_gets_the_same_answer(stack: Stack, revoked: str, expired: str) -> None:
    answers = [
        upload_with(stack),
        upload_with(stack, "token: "),
        upload_with(stack, "token: asv_wrong"),
        upload_with(stack, "token: bär"),
        upload_with(stack, f"token: {stack.token[:-1]}"),
        upload_with(stack, f"token: {stack.token}x"),
        upload_with(stack, f"Authorization: Basic {stack.token}"),
        upload_with(stack, "Authorization: Bearer"),
        upload_with(stack, f"token: {revoked}"),
        upload_with(stack, f"Authorization: Bearer {expired}"),
    ]
    for answer in answers:
        assert_refused(answer, 401, "bad_token")
    assert {answer.body for answer in answers} == {answers[0].body}
    seen = [{name: value for name, value in answer.headers.items() if name != "date"} for answer in answers]
    assert all(headers == seen[0] for headers in seen)


def test_token_of_another_scope_may_not_upload(stack: Stack) -> None:
    token = stack.cli("token", "add", "other scope", "--scope", "admin").strip()
    assert_refused(send_form(stack, part(picture()), token=token), 403, "scope")


def test_new_token_works_as_soon_as_it_is_printed(stack: Stack) -> None:
    def status_of_fresh_token(number: int) -> int:
        token = stack.cli("token", "add", f"fresh {number}").strip()
        return send_form(stack, part(picture()), token=token).status

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(status_of_fresh_token, range(20))) == [200] * 20


def test_imported_token_works_unchanged(stack: Stack) -> None:
    stack.cli("token", "add", "moved in", "--stdin", stdin="secret-of-2018\n")
    assert send_form(stack, part(picture()), token="secret-of-2018").status == 200


def test_first_uploads_with_a_new_token_may_come_together(stack: Stack) -> None:
    together = threading.Barrier(16)
    tokens: list[str] = []

    def upload(_number: int) -> int:
        together.wait(60)
        return send_form(stack, part(picture()), token=tokens[-1]).status

    with ThreadPoolExecutor(16) as pool:
        for number in range(5):
            tokens.append(stack.cli("token", "add", f"shared {number}").strip())
            assert list(pool.map(upload, range(16))) == [200] * 16


def test_last_use_is_recorded(stack: Stack) -> None:
    token = stack.cli("token", "add", "watched").strip()

    def last_used() -> str | None:
        (row,) = [row for row in stack.json_of("token", "list") if row["name"] == "watched"]
        moment: str | None = row["last_used"]
        return moment

    assert last_used() is None
    assert send_form(stack, part(picture()), token=token).status == 200
    wait_until(last_used, "the use is recorded")
