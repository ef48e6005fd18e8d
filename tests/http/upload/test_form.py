import pytest

from tests.support.pictures import picture
from tests.support.stack import Stack
from tests.support.upload.wire import (
    BOUNDARY,
    FORM_TYPE,
    assert_refused,
    chunked,
    exchange,
    form,
    head,
    part,
    send_form,
    upload_head,
)


@pytest.mark.parametrize("field", ["file", "image", "source", "smfile", "list", "files", "anything", "图"])
def test_first_file_is_accepted_with_any_field_name(stack: Stack, field: str) -> None:
    assert send_form(stack, part(picture(), field=field)).status == 200


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        pytest.param('Content-Disposition: form-data; name="file"', "", id="no filename"),
        pytest.param('Content-Disposition: form-data; name="file"; filename=""', "", id="empty filename"),
        pytest.param("Content-Disposition: form-data; name=file; filename=a.png", "a.png", id="without quotes"),
        pytest.param('content-disposition: FORM-DATA; NAME="file"; FILENAME="a.png"', "a.png", id="other case"),
        pytest.param('Content-Disposition: form-data; filename="a.png"', "a.png", id="no field name"),
        pytest.param(
            'Content-Disposition: form-data; name="x"\r\nContent-Type: application/octet-stream',
            "",
            id="only a type",
        ),
        pytest.param(
            'Content-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: text/html',
            "a.png",
            id="a wrong type",
        ),
        pytest.param(
            'Content-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: %%%',
            "a.png",
            id="a broken type",
        ),
        pytest.param("Content-Type: image/png", "", id="no disposition"),
    ],
)
def test_file_with_unusual_part_headers_is_accepted(stack: Stack, headers: str, name: str) -> None:
    answer = send_form(stack, headers.encode() + b"\r\n\r\n" + picture())
    assert answer.status == 200, answer.body
    assert answer.json["data"]["name"] == name


def test_filename_in_the_extended_notation_is_accepted(stack: Stack) -> None:
    headers = b"Content-Disposition: form-data; name=\"file\"; filename*=UTF-8''b%C3%A4r.png"
    answer = send_form(stack, headers + b"\r\n\r\n" + picture())
    assert answer.status == 200


def test_text_fields_around_the_file_are_ignored(stack: Stack) -> None:
    content = picture()
    note = part(b"a note", field="note", filename=None)
    answer = send_form(stack, note, part(content), note)
    assert answer.json["data"]["size"] == len(content)


def test_only_the_first_of_several_files_counts(stack: Stack) -> None:
    first, second = picture(size=(11, 7)), picture(size=(13, 5))
    data = send_form(stack, part(first, filename="1.png"), part(second, filename="2.png")).json["data"]
    assert (data["width"], data["name"]) == (11, "1.png")


@pytest.mark.parametrize(
    "content_type",
    [
        pytest.param(f'multipart/form-data; boundary="{BOUNDARY}"', id="quoted boundary"),
        pytest.param(f"Multipart/Form-Data; Boundary={BOUNDARY}", id="other case"),
        pytest.param(f"multipart/form-data; charset=utf-8; boundary={BOUNDARY}", id="another parameter"),
    ],
)
def test_content_type_of_the_form_may_be_written_in_other_ways(stack: Stack, content_type: str) -> None:
    body = form(part(picture()))
    answer = exchange(stack, head(stack, f"Content-Type: {content_type}", f"Content-Length: {len(body)}"), body)
    assert answer.status == 200, answer.body


def test_chunked_body_is_accepted(stack: Stack) -> None:
    body = form(part(picture()))
    pieces = [body[at : at + 40] for at in range(0, len(body), 40)]
    answer = exchange(
        stack, head(stack, f"Content-Type: {FORM_TYPE}", "Transfer-Encoding: chunked"), *[chunked(pieces)]
    )
    assert answer.status == 200, answer.body


def test_epilogue_after_the_form_is_ignored(stack: Stack) -> None:
    body = form(part(picture())) + b"an epilogue"
    assert exchange(stack, upload_head(stack, len(body)), body).status == 200


def test_file_without_bytes_is_empty(stack: Stack) -> None:
    assert_refused(send_form(stack, part(b"")), 400, "empty")


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([], id="no part at all"),
        pytest.param([part(b"a note", field="note", filename=None)], id="text alone"),
    ],
)
def test_form_without_a_file_is_refused_as_no_file(stack: Stack, parts: list[bytes]) -> None:
    assert_refused(send_form(stack, *parts), 400, "no_file")


@pytest.mark.parametrize(
    "content_type",
    [
        pytest.param("", id="none"),
        pytest.param("application/json", id="JSON"),
        pytest.param("application/x-www-form-urlencoded", id="the other form type"),
        pytest.param("image/png", id="the picture itself"),
        pytest.param(f"multipart/mixed; boundary={BOUNDARY}", id="another multipart"),
        pytest.param("multipart/form-data", id="no boundary"),
        pytest.param("multipart/form-data; boundary=", id="an empty boundary"),
        pytest.param("multipart/form-data; boundary=another", id="another boundary"),
        pytest.param(f"multipart/form-data; boundary={'b' * 3000}", id="a boundary of 3,000 characters"),
    ],
)
def test_other_content_type_is_a_bad_form(stack: Stack, content_type: str) -> None:
    body = form(part(picture()))
    lines = [f"Content-Type: {content_type}"] if content_type else []
    answer = exchange(stack, head(stack, *lines, f"Content-Length: {len(body)}"), body)
    assert_refused(answer, 400, "bad_multipart")


WHOLE = form(part(b"\x89PNG and so on"))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(WHOLE[:-8], id="no last boundary"),
        pytest.param(WHOLE[:40], id="cut off in a header"),
        pytest.param(WHOLE.replace(b"\r\n", b"\n"), id="bare line feeds"),
        pytest.param(b"x" * 2000, id="random text"),
        pytest.param(form(b"Rubbish\r\n\r\nx"), id="header without a colon"),
        pytest.param(form(b"".join(b"X-%d: a\r\n" % n for n in range(1000)) + part(b"x")), id="1,000 headers"),
        pytest.param(form(*[part(b"x", field="n", filename=None)] * 101), id="101 parts"),
    ],
)
def test_broken_form_is_refused(stack: Stack, body: bytes) -> None:
    assert_refused(exchange(stack, upload_head(stack, len(body)), body), 400, "bad_multipart")
