from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.pictures import picture
from tests.support.stack import Stack, wait_until
from tests.support.times import shortened
from tests.support.upload.catalog import write_lock
from tests.support.upload.watch import metric, wait_until_clean
from tests.support.upload.wire import Answer, assert_refused, exchange, form, part, send_form, upload_head


@pytest.fixture(scope="module")
def usual() -> Iterator[Stack]:
    """A stack with the default limits of an installation."""
    with Stack() as running:
        yield running


def test_uploads_up_to_the_burst_and_rate_pass_and_more_are_refused(usual: Stack) -> None:
    token = usual.token
    body = form(part(picture(seed=1)))

    def upload(_number: int) -> Answer:
        return exchange(usual, upload_head(usual, len(body), token=token), body)

    with ThreadPoolExecutor(16) as pool:
        assert {answer.status for answer in pool.map(upload, range(200))} == {200}
        answers: list[Answer] = []

        def is_refused() -> bool:
            answers.extend(pool.map(upload, range(50)))
            return any(answer.status != 200 for answer in answers)

        wait_until(is_refused, "the limit is reached")
    refused = [answer for answer in answers if answer.status != 200]
    for answer in refused:
        assert_refused(answer, 429, "rate")
        assert answer.headers["retry-after"] == "1"
    # From now on, twenty a second pass.
    passed: list[int] = []

    def have_forty_passed() -> bool:
        passed.extend(1 for _ in range(10) if upload(0).status == 200)
        return len(passed) >= 40

    wait_until(have_forty_passed, "40 more pass")


def test_one_upload_too_many_is_busy_with_a_retry_after(narrow: Stack) -> None:
    first, second = picture(), picture()
    with ThreadPoolExecutor(1) as pool, write_lock(narrow):
        waiting = pool.submit(narrow.post, first)
        wait_until(lambda: metric(narrow, "authsvc_uploads_under_way") == 1, "one upload waits for its row")
        answer = send_form(narrow, part(second))
        assert_refused(answer, 503, "busy")
        assert int(answer.headers["retry-after"]) >= 1
        assert not waiting.done()
    assert waiting.result().status_code == 200
    assert narrow.post(second).status_code == 200


def test_token_whose_uploads_are_busy_keeps_no_other_token_out(narrow: Stack) -> None:
    first, second = picture(), picture()
    other = {"token": narrow.cli("token", "add", "other").strip()}
    with ThreadPoolExecutor(2) as pool, write_lock(narrow):
        waiting = pool.submit(narrow.post, first)
        wait_until(lambda: metric(narrow, "authsvc_uploads_under_way") == 1, "one upload waits for its row")
        assert_refused(send_form(narrow, part(picture())), 503, "busy")
        beside = pool.submit(narrow.post, second, **other)
        wait_until(lambda: metric(narrow, "authsvc_uploads_under_way") == 2, "another token's upload waits, too")
    assert [each.result().status_code for each in (waiting, beside)] == [200, 200]
    assert metric(narrow, "authsvc_uploads_under_way") == 0


def test_refused_upload_frees_its_slot(narrow: Stack) -> None:
    for content in (b"", b"no picture", b"GIF89a"):
        assert narrow.post(content).status_code >= 400
    assert narrow.post(picture()).status_code == 200
    assert metric(narrow, "authsvc_uploads_under_way") == 0


@pytest.mark.waits_for("catalog_busy")
def test_catalog_that_stays_locked_is_busy() -> None:
    content = picture()
    with Stack(times=shortened("catalog_busy")) as stack:
        with write_lock(stack):
            answer = Answer.of(stack.post(content))
        assert_refused(answer, 503, "busy")
        wait_until_clean(stack)
        assert stack.post(content).status_code == 200
