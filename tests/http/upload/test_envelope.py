import hashlib
import stat

import pytest

from tests.http.upload.conftest import PUBLIC_URL
from tests.support.pictures import picture
from tests.support.stack import Stack
from tests.support.upload.wire import connect, exchange, form, part, receive, send_form, upload_head

FIELDS = [
    "url",
    "thumbnail_url",
    "path",
    "md5",
    "sha256",
    "size",
    "width",
    "height",
    "mime",
    "name",
    "markdown",
    "html",
    "bbcode",
]


def test_success_has_exactly_the_fields_that_exist_url_first(stack: Stack) -> None:
    content = picture("PNG", (37, 21))
    answer = stack.post(content, "holiday.png")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    envelope = answer.json()
    assert list(envelope) == ["status", "message", "data"]
    assert envelope["status"] == 0
    assert envelope["message"] == "ok"
    data = envelope["data"]
    assert list(data) == FIELDS
    digest = hashlib.md5(content).hexdigest()
    url = f"http://localhost:{stack.port}/{digest[:2]}/{digest[2:]}.png"
    assert data == {
        "url": url,
        "thumbnail_url": f"{url}?w=320",
        "path": f"/{digest[:2]}/{digest[2:]}.png",
        "md5": digest,
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
        "width": 37,
        "height": 21,
        "mime": "image/png",
        "name": "holiday.png",
        "markdown": f"![holiday.png]({url})",
        "html": f'<img src="{url}" alt="holiday.png" width="37" height="21">',
        "bbcode": f"[img]{url}[/img]",
    }


def test_address_starts_with_public_url_never_with_the_host_header(narrow: Stack) -> None:
    answer = narrow.post(
        picture(), **{"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "gopher"}
    )
    data = answer.json()["data"]
    assert data["url"] == PUBLIC_URL + data["path"]
    assert "evil.example" not in answer.text


def test_picture_without_metadata_is_stored_under_its_md5_byte_for_byte(stack: Stack) -> None:
    content = picture("JPEG")
    path = stack.upload(content)
    stored = stack.data_dir / "blobs" / path[1:]
    assert path == f"/{hashlib.md5(content).hexdigest():.2}/{hashlib.md5(content).hexdigest()[2:]}.jpg"
    assert stored.read_bytes() == content
    assert stat.S_IMODE(stored.stat().st_mode) == 0o640
    assert stored.stat().st_nlink == 1


def test_stored_picture_is_served_at_the_address_in_the_answer(stack: Stack) -> None:
    content = picture("WEBP")
    address = stack.post(content).json()["data"]["path"]
    answer = stack.get(address)
    assert answer.content == content
    assert answer.headers["content-type"] == "image/webp"


def test_duplicate_is_a_plain_success_with_the_same_path(stack: Stack) -> None:
    content = picture()
    first = stack.post(content, "one.png")
    second = stack.post(content, "one.png")
    assert (first.status_code, second.status_code) == (200, 200)
    assert second.content == first.content


def test_duplicate_answers_with_its_own_name(stack: Stack) -> None:
    content = picture()
    first = stack.post(content, "one.png").json()["data"]
    second = stack.post(content, "two.png").json()["data"]
    assert second["path"] == first["path"]
    assert second["name"] == "two.png"
    assert second["markdown"].startswith("![two.png](")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        pytest.param("图片 bär.png", "图片 bär.png", id="raw UTF-8"),
        pytest.param("C:\\\\dir\\\\x.png", "x.png", id="Windows folders"),
        pytest.param("../../etc/x.png", "x.png", id="Unix folders"),
        pytest.param("bell\x07\u202etab\t.png", "belltab.png", id="control characters and bidirectional overrides"),
        pytest.param("x" * 300, "x" * 200, id="too long"),
        pytest.param("-", "-", id="a hyphen"),
    ],
)
def test_name_is_cleaned(stack: Stack, sent: str, kept: str) -> None:
    answer = send_form(stack, part(picture(), filename=sent))
    assert answer.json["data"]["name"] == kept


def test_name_stays_inside_the_markdown_and_the_html(stack: Stack) -> None:
    name = "a](b)<script>&'.png"
    data = send_form(stack, part(picture(), filename=name)).json["data"]
    assert data["name"] == name
    assert data["markdown"] == f"![a\\]\\(b\\)\\<script\\>\\&'.png]({data['url']})"
    assert 'alt="a](b)&lt;script&gt;&amp;&#x27;.png"' in data["html"]


def test_success_closes_the_connection_at_once(stack: Stack) -> None:
    body = form(part(picture()))
    with connect(stack) as connection:
        connection.sendall(upload_head(stack, len(body), "Connection: keep-alive") + body)
        answer = receive(connection)  # returns at the end of the connection
    assert answer.status == 200
    assert answer.headers["connection"] == "close"


def test_request_after_an_upload_on_the_same_connection_is_not_answered(stack: Stack) -> None:
    body = form(part(picture()))
    again = b"GET /robots.txt HTTP/1.1\r\nHost: a\r\n\r\n"
    answer = exchange(stack, upload_head(stack, len(body)) + body + again)
    assert answer.status == 200
