import html
import re
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from starlette.datastructures import Headers

from authsvc.clients.native import Native
from authsvc.errors import BadToken, TooLarge
from authsvc.model import Image, Key

NATIVE = Native()
BASE = "https://img.example.com"
KEY = Key("7be49a5d9f4ab1e2c0d7f3b6a8901234", "png")
IMAGE = Image(key=KEY, sha256="5" * 64, size=1234, width=640, height=480, name="first.png", created_at=0)
URL = f"{BASE}/7b/e49a5d9f4ab1e2c0d7f3b6a8901234.png"
SIZES = f' srcset="{URL}?w=320 320w, {URL} 640w" sizes="(max-width: 640px) 100vw, 640px"'


def success(name: str) -> dict[str, object]:
    data = NATIVE.success(IMAGE, base_url=BASE, name=name).content["data"]
    assert isinstance(data, dict)
    return data


def test_success_has_the_fields_that_clients_read_url_first() -> None:
    answer = NATIVE.success(IMAGE, base_url=BASE, name="my.png").content
    assert list(answer) == ["status", "message", "data"]
    assert answer["status"] == 0
    assert success("my.png") == {
        "url": URL,
        "thumbnail_url": f"{URL}?w=320",
        "path": "/7b/e49a5d9f4ab1e2c0d7f3b6a8901234.png",
        "md5": "7be49a5d9f4ab1e2c0d7f3b6a8901234",
        "sha256": "5" * 64,
        "size": 1234,
        "width": 640,
        "height": 480,
        "mime": "image/png",
        "name": "my.png",
        "markdown": f"![my.png]({URL})",
        "html": f'<img src="{URL}"{SIZES} alt="my.png" width="640" height="480">',
        "bbcode": f"[img]{URL}[/img]",
    }
    assert next(iter(success("my.png"))) == "url"


def test_fields_of_missing_features_are_left_out() -> None:
    assert "delete_url" not in success("a.png")


@pytest.mark.parametrize(
    ("width", "offered"),
    [
        (1, []),
        (320, []),
        (321, [320]),
        (801, [320, 640, 800]),
        (9000, [320, 640, 800, 1280, 1920]),
    ],
)
def test_html_offers_the_sizes_that_are_smaller_than_the_picture(width: int, offered: list[int]) -> None:
    data = NATIVE.success(replace(IMAGE, width=width), base_url=BASE, name="a.png").content["data"]
    assert isinstance(data, dict)
    choices = [f"{URL}?w={each} {each}w" for each in offered]
    found = re.findall('srcset="([^"]*)"', data["html"])
    assert found == ([", ".join([*choices, f"{URL} {width}w"])] if offered else [])


def test_failure_has_its_text_where_the_2018_script_had_it() -> None:
    error = TooLarge(limit_bytes=1024)
    assert NATIVE.failure(error).content == {
        "status": 1,
        "code": "too_large",
        "message": error.text,
        "data": error.text,
    }
    assert list(NATIVE.failure(BadToken()).content) == ["status", "code", "message", "data"]


# Names as the form hands them on: no control characters, no space around.
names = st.text(st.characters(exclude_categories=["C", "Z"]) | st.sampled_from("<>\"'&;!()[]*_`\\#|~ "), max_size=30)
special = st.text(st.sampled_from("[]()!<>&\"'`*_\\{}#|~-+.:/ a1"), max_size=20)


@settings(deadline=None, max_examples=300)
@given(name=(names | special).map(str.strip))
@example(name='"><script>alert(1)</script>')
@example(name="a' onerror='x")
def test_html_is_one_picture_whatever_the_name(name: str) -> None:
    begin = re.escape(f'<img src="{URL}"{SIZES} alt="')
    tag = re.fullmatch(f'{begin}([^"<>]*)" width="640" height="480">', str(success(name)["html"]))
    assert tag is not None
    assert html.unescape(tag[1]) == name


@settings(deadline=None, max_examples=300)
@given(name=(names | special).map(str.strip))
@example(name="](https://evil.example) ![x")
@example(name="<script>")
@example(name="a\\")
@example(name="&amp;")
def test_markdown_is_one_picture_with_the_name_as_its_text(name: str) -> None:
    (paragraph,) = [token for token in MarkdownIt().parse(str(success(name)["markdown"])) if token.type == "inline"]
    (picture,) = paragraph.children or []
    assert picture.type == "image"
    assert picture.attrs["src"] == URL
    assert "".join(child.content for child in picture.children or []) == name


@pytest.mark.parametrize("name", ["a]b.png", "[img]x[/img]", ""], ids=["bracket", "code", "nothing"])
def test_bbcode_holds_the_address_alone(name: str) -> None:
    assert success(name)["bbcode"] == f"[img]{URL}[/img]"


def test_name_is_this_uploads_and_not_the_first_ones() -> None:
    assert success("second.png")["name"] == "second.png"


@pytest.mark.parametrize(
    ("token_header", "authorization", "expected"),
    [
        ("T", None, "T"),
        (" T ", None, "T"),
        ("T", "Bearer other", "T"),
        ("", "Bearer T", "T"),
        (None, "Bearer T", "T"),
        (None, "bearer T", "T"),
        (None, "BEARER   T ", "T"),
        (None, "Basic T", ""),
        (None, "T", ""),
        (None, "Bearer", ""),
        (None, "BearerT", ""),
        (None, "", ""),
        (None, None, ""),
        ("", None, ""),
    ],
    ids=[
        "token header",
        "space around",
        "token header counts first",
        "empty token header",
        "bearer",
        "scheme in lower case",
        "scheme in upper case, more space",
        "other scheme",
        "no scheme",
        "scheme alone",
        "scheme run together",
        "empty",
        "nothing",
        "empty and nothing",
    ],
)
def test_token_is_found_in_the_headers(token_header: str | None, authorization: str | None, expected: str) -> None:
    both = {"token": token_header, "authorization": authorization}
    headers = {name: value for name, value in both.items() if value is not None}
    assert NATIVE.token_in(Headers(headers)) == expected
