"""A form that arrives in pieces, without its end, or far too large."""

import tracemalloc
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authsvc.errors import BadMultipart, NoFile
from authsvc.uploads.multipart import MAX_PART_HEADER_BYTES, MAX_PART_HEADERS, MAX_PARTS, FormFile
from tests.support.forms import CONTENT_TYPE, END, PICTURE_FIELDS, body, fed, part

PICTURE = b"\x89PNG\r\n\x1a\n\r\n--\r\n--A\r\n\r\n--B" + b"x" + bytes(range(256)) + b"\r\n-"
FILE_HEAD = part(b'form-data; name="f"; filename="a.png"', b"")[:-2]
FORM = body(
    part(b'form-data; name="token"', b"secret"),
    part(b'form-data; name="f"; filename="a.png"', PICTURE, b"Content-Type: image/png"),
    part(b'form-data; name="after"', b"more"),
)
CHUNK = 64 * 1024


def test_body_cut_in_two_anywhere_gives_the_same_bytes() -> None:
    for cut in range(len(FORM) + 1):
        form, content = fed(FORM, cuts=[cut])
        assert (form.name, content) == ("a.png", PICTURE), cut


def test_body_of_single_bytes_gives_the_same_bytes() -> None:
    form, content = fed(FORM, cuts=range(len(FORM)))
    assert (form.name, content) == ("a.png", PICTURE)


@settings(deadline=None, max_examples=300)
@given(
    content=st.lists(
        st.sampled_from([b"\r", b"\n", b"-", b"--", b"B", b"\r\n--", b"\0", b"\xff"]) | st.binary(max_size=9)
    ),
    data=st.data(),
)
def test_any_content_survives_any_cuts(content: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(content).replace(b"\r\n--B", b"\r\n--A")
    sent = body(part(b'form-data; name="f"; filename="a"', whole))
    cuts = data.draw(st.lists(st.integers(0, len(sent)), max_size=20))
    assert fed(sent, cuts=cuts)[1] == whole


@pytest.mark.parametrize("length", range(0, len(FORM) - 2, 7))
def test_body_without_its_end_is_refused(length: int) -> None:
    with pytest.raises(BadMultipart, match="ends before its last boundary"):
        fed(FORM[:length])


def test_last_line_break_may_be_missing() -> None:
    assert fed(FORM.removesuffix(b"\r\n"))[1] == PICTURE


@pytest.mark.parametrize(
    "content",
    [END, END.rstrip(), body(part(b'form-data; name="x"', b"text")), body(b"--B\r\n\r\nno headers\r\n")],
    ids=["no part", "no part, no line break", "text alone", "part without headers"],
)
def test_form_without_a_file_is_refused_as_no_file(content: bytes) -> None:
    with pytest.raises(NoFile):
        fed(content)


NO_FORMS = {
    "nothing": b"",
    "picture alone": PICTURE,
    "other boundary": b"--C\r\n\r\n\r\n--C--",
    "words before": b"words\r\n" + FORM,
    "bare line feeds": FORM.replace(b"\r\n", b"\n"),
    "header without a colon": b"--B\r\nno colon\r\n\r\n" + END,
    "header with a space in its name": b"--B\r\nContent Type: x\r\n\r\n" + END,
    "boundary going on": b"--Bx\r\n\r\n" + END,
}


@pytest.mark.parametrize("content", NO_FORMS.values(), ids=NO_FORMS.keys())
def test_body_that_is_not_a_form_is_refused(content: bytes) -> None:
    with pytest.raises(BadMultipart):
        fed(content)


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_damaged_form_is_read_or_refused(data: st.DataObject) -> None:
    spoilt = bytearray(FORM)
    for _ in range(data.draw(st.integers(1, 5))):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    try:
        fed(bytes(spoilt))
    except (BadMultipart, NoFile):
        return


def test_parts_and_headers_are_accepted_up_to_their_limits() -> None:
    field = part(b'form-data; name="x"', b"text")
    picture = part(
        b'form-data; name="f"; filename="a"', PICTURE, *[b"X-%d: y" % n for n in range(MAX_PART_HEADERS - 1)]
    )
    assert fed(body(*[field] * (MAX_PARTS - 1), picture))[1] == PICTURE
    with pytest.raises(BadMultipart, match=f"more than {MAX_PARTS} parts"):
        fed(body(*[field] * MAX_PARTS, picture))
    with pytest.raises(BadMultipart, match="header count"):
        fed(body(part(b"form-data", b"", *[b"X-%d: y" % n for n in range(MAX_PART_HEADERS)])))


def test_part_header_is_accepted_up_to_its_limit() -> None:
    longest = b"X: ".ljust(MAX_PART_HEADER_BYTES, b"y")
    assert fed(body(part(b'form-data; name="file"', PICTURE, longest)))[1] == PICTURE
    with pytest.raises(BadMultipart, match="header size"):
        fed(body(part(b'form-data; name="file"', PICTURE, longest + b"y")))


def endless(begin: bytes, more: bytes) -> Iterator[bytes]:
    yield begin
    for _ in range(256):
        yield more


def many_parts() -> Iterator[bytes]:
    for number in range(10_000):
        yield part(b'form-data; name="x%d"' % number, b"text")


def many_headers() -> Iterator[bytes]:
    for number in range(MAX_PARTS):
        lines = [b"X-%d-%d: " % (number, line) + b"y" * 8000 for line in range(MAX_PART_HEADERS - 1)]
        yield part(b'form-data; name="x"', b"text", *lines)


FLOODS: dict[str, tuple[Callable[[], Iterator[bytes]], str]] = {
    "file of 16 MiB": (lambda: endless(FILE_HEAD, bytes(CHUNK)), ""),
    "field of 16 MiB": (lambda: endless(part(b'form-data; name="x"', b"")[:-2], bytes(CHUNK)), ""),
    "words after the end": (lambda: endless(FORM, b"x" * CHUNK), ""),
    "10,000 parts": (many_parts, "more than 100 parts"),
    "part header of 1 MiB": (lambda: endless(b"--B\r\nX: ", b"y" * 4096), "header size"),
    "part header's name of 1 MiB": (lambda: endless(b"--B\r\nX", b"y" * 4096), "header size"),
    "part header of 1 MiB, byte by byte": (lambda: endless(b"--B\r\nX: " + b"y" * 8000, b"y"), "header size"),
    "100 parts with headers of 120 KB": (many_headers, ""),
    "endless headers": (lambda: endless(b"--B\r\n", b"X: y\r\n" * 100), "header count"),
}


@pytest.mark.parametrize(("chunks", "refusal"), FLOODS.values(), ids=FLOODS.keys())
def test_memory_does_not_grow_with_the_body(chunks: Callable[[], Iterator[bytes]], refusal: str) -> None:
    form = FormFile(CONTENT_TYPE, picture_fields=PICTURE_FIELDS)
    message = ""
    tracemalloc.start()
    try:
        for chunk in chunks():
            form.feed(chunk)
    except BadMultipart as error:
        message = error.text
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert refusal in message
    assert bool(message) is bool(refusal)
    assert peak < 16 * CHUNK
