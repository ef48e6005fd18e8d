"""Which part of a form is the picture, and what it is called."""

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from authsvc.errors import BadMultipart, NoFile
from authsvc.uploads.multipart import MAX_NAME_CHARACTERS, FormFile
from tests.support.forms import CONTENT_TYPE, PICTURE_FIELDS, body, fed, part

PICTURE = b"\x89PNG\r\n\x1a\n\r\n--A\r\n" + bytes(range(256))


@pytest.mark.parametrize("field", ["file", "image", "source", "smfile", "list", "files", "x", "", "名"])
def test_first_file_part_is_found_whatever_its_field(field: str) -> None:
    disposition = f'form-data; name="{field}"; filename="a.png"'.encode()
    form, content = fed(body(part(disposition, PICTURE)))
    assert (form.name, content) == ("a.png", PICTURE)


@pytest.mark.parametrize("field", ["file", "image", "source", "smfile", "list", "files"])
def test_known_field_is_the_file_also_without_a_filename(field: str) -> None:
    form, content = fed(body(part(f'form-data; name="{field}"'.encode(), PICTURE)))
    assert (form.name, content) == ("", PICTURE)


@pytest.mark.parametrize("kind", [b"image/png", b"application/octet-stream"])
def test_part_whose_type_is_not_text_is_the_file(kind: bytes) -> None:
    form, content = fed(body(part(b'form-data; name="x"', PICTURE, b"Content-Type: " + kind)))
    assert (form.name, content) == ("", PICTURE)


def test_of_two_files_the_first_counts() -> None:
    parts = [part(f'form-data; name="files"; filename="{n}.png"'.encode(), n.encode()) for n in ("first", "second")]
    form, content = fed(body(*parts))
    assert (form.name, content) == ("first.png", b"first")


def test_fields_around_the_file_are_ignored() -> None:
    fields = [part(f'form-data; name="{name}"'.encode(), b"secret") for name in ("key", "token", "format")]
    typed = part(b'form-data; name="note"', b"note", b"Content-Type: text/plain; charset=utf-8")
    form, content = fed(body(*fields, typed, part(b'form-data; name="f"; filename="a.png"', PICTURE), *fields))
    assert (form.name, content) == ("a.png", PICTURE)


def test_empty_file_is_a_file() -> None:
    form, content = fed(body(part(b'form-data; name="f"; filename="a.png"', b"")))
    assert (form.name, content) == ("a.png", b"")


NAMES: dict[str, tuple[bytes, str]] = {
    "quoted": (b'filename="a b.png"', "a b.png"),
    "bare": (b"filename=a.png", "a.png"),
    "in upper case": (b'FILENAME="A.png"', "A.png"),
    "hyphen": (b'filename="-"', "-"),
    "empty": (b'filename=""', ""),
    "without a value": (b"filename", ""),
    "raw UTF-8": ('filename="图.png"'.encode(), "图.png"),
    "raw Latin-1": (b'filename="caf\xe9.png"', "café.png"),
    "percent": (b'filename="a%22b%0d.png"', "a%22b%0d.png"),
    "quote and semicolon": (b'filename="a\\"b;c.png"', 'a"b;c.png'),
    "plain before extended": (b"filename=\"plain.png\"; filename*=UTF-8''%e5%9b%be.png", "plain.png"),
    "extended before plain": (b"filename*=UTF-8''%e5%9b%be.png; filename=\"plain.png\"", "plain.png"),
    "folders": (b'filename="../../etc/passwd"', "passwd"),
    "Windows folders": (b'filename="C:\\dir\\a.png"', "a.png"),
    "Windows folders without a drive": (b'filename="dir\\a.png"', "a.png"),
    "folder alone": (b'filename="dir/"', ""),
    "controls": (b'filename="a\x00b\x1b\tc\x7f.png"', "abc.png"),
    "Latin-1 controls": (b'filename="a\x85\x9bb\xff.png"', "abÿ.png"),
    "turning letters round": ('filename="a\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe"'.encode(), "agnp.exe"),
    "isolating letters": ('filename="a\N{FIRST STRONG ISOLATE}b\N{LINE SEPARATOR}c"'.encode(), "abc"),
    "space around": (b'filename="  a.png  "', "a.png"),
    "long": (b'filename="' + b"a" * 4000 + b'"', "a" * MAX_NAME_CHARACTERS),
    "markup": (b'filename="<b>&.png"', "<b>&.png"),
}


@pytest.mark.parametrize(("parameter", "expected"), NAMES.values(), ids=NAMES.keys())
def test_name_is_read_and_cleaned(parameter: bytes, expected: str) -> None:
    form, content = fed(body(part(b'form-data; name="f"; ' + parameter, PICTURE)))
    assert (form.name, content) == (expected, PICTURE)


@pytest.mark.parametrize("charset", [b"UTF-8", b"latin-1", b"nonsense", b"", b"\xff"], ids=repr)
def test_extended_name_alone_still_marks_a_known_field(charset: bytes) -> None:
    disposition = b'form-data; name="file"; filename*=' + charset + b"''%e5%9b%be.png"
    form, content = fed(body(part(disposition, PICTURE)))
    assert (form.name, content) == ("", PICTURE)


@settings(deadline=None, max_examples=300)
@given(raw=st.binary(max_size=300).filter(lambda raw: not set(raw) & set(b'\r\n"\\')))
@example(raw=b"a" * (MAX_NAME_CHARACTERS - 1) + b" b")
def test_any_name_becomes_one_clean_line(raw: bytes) -> None:
    try:
        form, content = fed(body(part(b'form-data; name="file"; filename="' + raw + b'"', PICTURE)))
    except BadMultipart:
        return
    assert content == PICTURE
    assert len(form.name) <= MAX_NAME_CHARACTERS
    assert form.name == form.name.strip()
    assert "Cc" not in {unicodedata.category(character) for character in form.name}
    assert not set(form.name) & set("/\\\r\n\0\u2028\u202e")


@settings(deadline=None, max_examples=300)
@given(disposition=st.binary(max_size=80), more=st.binary(max_size=80))
def test_any_part_headers_are_read_or_refused(disposition: bytes, more: bytes) -> None:
    try:
        fed(body(part(disposition, PICTURE, more)))
    except (BadMultipart, NoFile):
        return


REFUSED_TYPES = {
    "none": "",
    "no boundary": "multipart/form-data",
    "empty boundary": "multipart/form-data; boundary=",
    "boundary of other name": "multipart/form-data; bound=B",
    "boundary of 257": f"multipart/form-data; boundary={'b' * 257}",
    "urlencoded": "application/x-www-form-urlencoded",
    "JSON": "application/json",
    "picture": "image/png",
    "other multipart": "multipart/mixed; boundary=B",
    "longer name": "multipart/form-database; boundary=B",
}


@pytest.mark.parametrize("content_type", REFUSED_TYPES.values(), ids=REFUSED_TYPES.keys())
def test_body_of_another_type_is_refused_at_once(content_type: str) -> None:
    with pytest.raises(BadMultipart):
        FormFile(content_type, picture_fields=PICTURE_FIELDS)


@pytest.mark.parametrize(
    "content_type",
    [
        "Multipart/Form-Data; Boundary=B",
        'multipart/form-data; boundary="B"',
        "multipart/form-data;boundary=B;charset=utf-8",
        "multipart/form-data; charset=utf-8; boundary=B",
    ],
    ids=["case", "quoted", "charset after", "charset before"],
)
def test_boundary_is_read_in_every_spelling(content_type: str) -> None:
    assert fed(body(part(b'form-data; name="f"; filename="a"', PICTURE)), content_type)[1] == PICTURE


# Headers reach the service decoded as Latin-1 (ASGI, HTTP connection scope).
@settings(deadline=None, max_examples=300)
@given(
    content_type=st.text(st.characters(codec="latin-1"), max_size=60), prefix=st.sampled_from(["", f"{CONTENT_TYPE};"])
)
def test_any_content_type_is_read_or_refused(content_type: str, prefix: str) -> None:
    try:
        FormFile(prefix + content_type, picture_fields=PICTURE_FIELDS)
    except BadMultipart as error:
        text = error.text
        assert "\n" not in text
