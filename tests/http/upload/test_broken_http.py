import pytest

from tests.support.pictures import noise, picture
from tests.support.stack import Stack, wait_until
from tests.support.upload.catalog import count_images
from tests.support.upload.watch import blobs, forget_peak, memory, nginx_memory, wait_until_clean
from tests.support.upload.wire import (
    FORM_TYPE,
    UPLOAD_PATH,
    Answer,
    assert_refused,
    chunked,
    connect,
    exchange,
    form,
    head,
    part,
    upload_head,
)

MIB = 2**20
BODY = form(part(picture(seed=1)))
LENGTH = len(BODY)
KIND = f"Content-Type: {FORM_TYPE}"
CHUNKED = "Transfer-Encoding: chunked"


def send(stack: Stack, lines: list[str], body: bytes = BODY) -> Answer:
    return exchange(stack, head(stack, KIND, *lines), body)


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([f"Content-Length: {LENGTH}", f"Content-Length: {LENGTH + 1}"], id="two lengths"),
        pytest.param([f"Content-Length: {LENGTH}", f"Content-Length: {LENGTH}"], id="the same length twice"),
        pytest.param([f"Content-Length: {LENGTH}, {LENGTH}"], id="two lengths in one line"),
        pytest.param(["Content-Length: -1"], id="a negative length"),
        pytest.param([f"Content-Length: +{LENGTH}"], id="a signed length"),
        pytest.param(["Content-Length: 0x40"], id="a hexadecimal length"),
        pytest.param(["Content-Length: many"], id="a length in words"),
        pytest.param(["Content-Length: 99999999999999999999999"], id="a length beyond 64 bits"),
        pytest.param([f"Content-Length: {LENGTH}", CHUNKED], id="a length and chunks"),
        pytest.param([CHUNKED, CHUNKED], id="chunked twice"),
        pytest.param(["Transfer-Encoding: gzip"], id="an unknown coding"),
        pytest.param(["Transfer-Encoding: gzip, chunked"], id="an unknown coding in chunks"),
        pytest.param(["no colon here", f"Content-Length: {LENGTH}"], id="a line without a colon"),
        pytest.param(["X: a\0b", f"Content-Length: {LENGTH}"], id="a NUL in a header"),
        pytest.param(["Host: another", f"Content-Length: {LENGTH}"], id="two hosts"),
    ],
)
def test_contradictory_head_is_a_bad_request(stack: Stack, lines: list[str]) -> None:
    images = count_images(stack)
    assert_refused(send(stack, lines), 400, "bad_request")
    assert count_images(stack) == images


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"zz\r\n" + BODY, id="no number"),
        pytest.param(b"fffffffffffffffff\r\n" + BODY, id="beyond 64 bits"),
        pytest.param(b"-5\r\n" + BODY, id="negative"),
    ],
)
def test_broken_chunk_is_a_bad_request(stack: Stack, body: bytes) -> None:
    assert_refused(send(stack, [CHUNKED], body), 400, "bad_request")


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(b"POST /api/v1/upimg HTTP/1.1\r\n\r\n", id="no host"),
        pytest.param(b"POST /api/v1/upimg HTTP/1.1\r\nHost: a b\r\n\r\n", id="a broken host"),
        pytest.param(b"POST /api/v1/upimg%00 HTTP/1.1\r\nHost: a\r\n\r\n", id="an encoded NUL"),
        pytest.param(b"POST /api/v1/upimg%zz HTTP/1.1\r\nHost: a\r\n\r\n", id="a broken escape"),
        pytest.param(b"POST /api/../../upimg HTTP/1.1\r\nHost: a\r\n\r\n", id="a way out of the root"),
        pytest.param(b"post /api/v1/upimg HTTP/1.1\r\nHost: a\r\n\r\n", id="a method in lower case"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", id="TLS on the plain port"),
    ],
)
def test_broken_request_line_is_a_bad_request(stack: Stack, request_bytes: bytes) -> None:
    assert_refused(exchange(stack, request_bytes), 400, "bad_request")


@pytest.mark.parametrize(
    ("path", "lines"),
    [
        pytest.param(UPLOAD_PATH, ["X: " + "a" * 9000], id="one line"),
        pytest.param(UPLOAD_PATH, ["X: " + "a" * 200_000], id="one long line"),
        pytest.param(UPLOAD_PATH, [f"X-{n}: {'a' * 2000}" for n in range(50)], id="many lines"),
        pytest.param(UPLOAD_PATH + "?" + "a" * 20_000, [], id="the address"),
    ],
)
def test_too_large_headers_are_refused_with_their_own_code(stack: Stack, path: str, lines: list[str]) -> None:
    assert_refused(exchange(stack, head(stack, *lines, path=path)), 431, "headers_too_large")


def test_length_that_is_too_short_is_a_bad_form(stack: Stack) -> None:
    answer = exchange(stack, upload_head(stack, LENGTH - 10), BODY)
    assert_refused(answer, 400, "bad_multipart")


def test_length_that_is_too_long_leaves_no_file(stack: Stack) -> None:
    before, images = blobs(stack), count_images(stack)
    with connect(stack) as connection:
        connection.sendall(upload_head(stack, LENGTH + 100_000) + form(part(picture())))
        connection.shutdown(1)
        assert connection.recv(65536) == b""
    wait_until_clean(stack)
    assert (blobs(stack), count_images(stack)) == (before, images)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(form(*[part(b"x", field="n", filename=None)] * 10_000), id="10,000 parts"),
        pytest.param(form(*[part(picture(seed=2), field="n")] * 10_000), id="10,000 files"),
        pytest.param(form(b"X-A: " + b"a" * MIB + b"\r\n" + part(b"x")), id="a part header of 1 MiB"),
        pytest.param(form(b"X" * MIB + b": a\r\n" + part(b"x")), id="a part header's name of 1 MiB"),
        pytest.param(form(part(b"x", filename="n" * MIB)), id="a filename of 1 MiB"),
        pytest.param(form(b"X: a\r\n" * 200_000 + part(b"x")), id="200,000 part headers"),
    ],
)
def test_monstrous_form_is_refused_without_memory_growth(stack: Stack, body: bytes) -> None:
    service = stack.pid("service")
    assert exchange(stack, upload_head(stack, LENGTH), BODY).status == 200
    before, nginx_before = memory(service), nginx_memory(stack)
    forget_peak(service)
    for _ in range(10):
        assert_refused(exchange(stack, upload_head(stack, len(body)), body), 400, "bad_multipart")
    assert memory(service, "VmHWM") - before < 8 * MIB
    assert nginx_memory(stack) - nginx_before < 8 * MIB
    wait_until(lambda: exchange(stack, upload_head(stack, LENGTH), BODY).status == 200, "the service still works")


def test_body_in_very_many_chunks_is_accepted_without_memory_growth(stack: Stack) -> None:
    service = stack.pid("service")
    before = memory(service)
    forget_peak(service)
    content = noise(300_000)
    body = form(part(content))
    answer = send(stack, [CHUNKED], chunked(body[at : at + 3] for at in range(0, len(body), 3)))
    assert answer.status == 200
    assert answer.json["data"]["size"] == len(content)
    assert memory(service, "VmHWM") - before < 8 * MIB
