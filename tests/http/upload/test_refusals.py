import hashlib

import pytest

from tests.support.pictures import noise, picture
from tests.support.stack import Stack
from tests.support.upload.catalog import count_images, other_sha256
from tests.support.upload.watch import blobs, wait_until_clean
from tests.support.upload.wire import (
    FORM_TYPE,
    Answer,
    assert_refused,
    chunked,
    connect,
    exchange,
    form,
    head,
    part,
    send_form,
    upload_head,
)

MIB = 2**20
LIMIT = 20 * MIB


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "TRACE", "BREW"])
def test_other_method_is_refused_with_the_allowed_ones(stack: Stack, method: str) -> None:
    answer = exchange(stack, head(stack, method=method))
    assert_refused(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "POST, OPTIONS"


def test_head_is_refused_without_a_body(stack: Stack) -> None:
    with connect(stack) as connection:
        connection.sendall(head(stack, method="HEAD"))
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    lines = received.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 405 Not Allowed"
    assert {"Allow: POST, OPTIONS", "Content-Type: application/json", "Connection: close", ""} <= set(lines)
    assert received.endswith(b"\r\n\r\n")


def test_other_method_with_a_large_body_is_refused_in_the_same_way(stack: Stack) -> None:
    content = noise(LIMIT)
    answer = exchange(stack, head(stack, f"Content-Length: {len(content)}", method="PUT"), content)
    assert_refused(answer, 405, "method_not_allowed")


@pytest.mark.parametrize("path", ["/api/v1/upimg/", "/api/v1/Upimg", "/api/v2/upload", "/api/"])
def test_other_api_address_is_not_found(stack: Stack, path: str) -> None:
    body = form(part(picture()))
    lines = (f"Content-Type: {FORM_TYPE}", f"Content-Length: {len(body)}")
    assert_refused(exchange(stack, head(stack, *lines, path=path), body), 404, "not_found")


def test_forged_md5_known_to_the_catalog_is_a_collision(stack: Stack) -> None:
    content = picture()
    path = stack.upload(content)
    with other_sha256(stack, hashlib.md5(content).hexdigest()):
        assert_refused(Answer.of(stack.post(content)), 409, "collision")
    assert stack.get(path).content == content
    assert stack.upload(content) == path


def test_forged_md5_known_only_to_the_store_is_a_collision(stack: Stack) -> None:
    content = picture()
    digest = hashlib.md5(content).hexdigest()
    stored = stack.data_dir / "blobs" / digest[:2] / f"{digest[2:]}.png"
    stored.write_bytes(b"the bytes of another picture")
    images = count_images(stack)
    try:
        assert_refused(Answer.of(stack.post(content)), 409, "collision")
        assert stored.read_bytes() == b"the bytes of another picture"
        assert count_images(stack) == images
    finally:
        stored.unlink()


def test_largest_picture_allowed_is_accepted(stack: Stack) -> None:
    content = noise(LIMIT)
    data = stack.post(content).json()["data"]
    assert data["size"] == LIMIT
    assert data["md5"] == hashlib.md5(content).hexdigest()


def test_largest_picture_allowed_is_accepted_in_chunks(stack: Stack) -> None:
    body = form(part(noise(LIMIT)))
    pieces = [body[at : at + 65536] for at in range(0, len(body), 65536)]
    answer = exchange(stack, head(stack, f"Content-Type: {FORM_TYPE}", "Transfer-Encoding: chunked"), chunked(pieces))
    assert answer.status == 200, answer.body


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(LIMIT + 1, id="by one byte, which the service counts"),
        pytest.param(21 * MIB, id="by a mebibyte, which nginx counts"),
    ],
)
@pytest.mark.parametrize("coding", ["with its length", "in chunks"])
def test_larger_picture_is_too_large(stack: Stack, size: int, coding: str) -> None:
    before = blobs(stack)
    body = form(part(noise(size)))
    if coding == "in chunks":
        pieces = chunked([body[at : at + 65536] for at in range(0, len(body), 65536)])
        answer = exchange(stack, head(stack, f"Content-Type: {FORM_TYPE}", "Transfer-Encoding: chunked"), pieces)
    else:
        answer = exchange(stack, upload_head(stack, len(body)), body)
    assert_refused(answer, 413, "too_large")
    assert f"{LIMIT} bytes" in answer.json["message"]
    wait_until_clean(stack)
    assert blobs(stack) == before


def test_refused_large_file_leaves_no_file(stack: Stack) -> None:
    before, images = blobs(stack), count_images(stack)
    assert_refused(send_form(stack, part(b"no picture" * MIB)), 415, "unsupported")
    wait_until_clean(stack)
    assert blobs(stack) == before
    assert count_images(stack) == images
