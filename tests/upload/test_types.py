import struct

import pytest

from tests.pictures import FORMATS, picture
from tests.stack import Stack
from tests.upload.wire import Answer, assert_refused


@pytest.mark.parametrize("kind", FORMATS)
def test_each_type_is_stored_under_its_own_extension(stack: Stack, kind: str) -> None:
    content = picture(kind, (50, 31))
    data = stack.post(content, "picture").json()["data"]
    extension = FORMATS[kind]
    assert data["path"].endswith(f".{extension}")
    assert data["mime"] == ("image/jpeg" if extension == "jpg" else f"image/{extension}")
    assert (data["width"], data["height"]) == (50, 31)
    assert (stack.data_dir / "blobs" / data["path"][1:]).read_bytes() == content


@pytest.mark.parametrize("kind", FORMATS)
def test_type_comes_from_the_bytes_not_from_name_or_content_type(stack: Stack, kind: str) -> None:
    answer = stack.client.post(
        "/api/v1/upimg",
        files={"file": ("drawing.svg", picture(kind), "image/svg+xml")},
        headers={"token": stack.token},
    )
    assert answer.json()["data"]["path"].endswith(f".{FORMATS[kind]}")


TIFF = b"II*\x00\x08\x00\x00\x00" + bytes(64)
HEIC = struct.pack(">I4s4sI4s4s", 24, b"ftyp", b"heic", 0, b"mif1", b"heic") + bytes(64)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b'<svg xmlns="http://www.w3.org/2000/svg"/>', id="SVG"),
        pytest.param(b"<!doctype html><script>1</script>", id="HTML"),
        pytest.param(picture("BMP"), id="BMP"),
        pytest.param(picture("TIFF"), id="TIFF"),
        pytest.param(TIFF, id="TIFF header alone"),
        pytest.param(HEIC, id="HEIC"),
        pytest.param(b"%PDF-1.7\n", id="PDF"),
        pytest.param(picture("ICO", (16, 16)), id="ICO"),
        pytest.param(b"RIFF\x24\x00\x00\x00WAVEfmt ", id="WAVE in a RIFF"),
        pytest.param(b"\n" + picture("PNG"), id="PNG behind a line feed"),
        pytest.param(b"\x89", id="one byte of a PNG"),
        pytest.param(b"GIF88a" + bytes(20), id="an unknown GIF version"),
        pytest.param(b"PK\x03\x04" + bytes(64), id="ZIP"),
    ],
)
def test_other_file_is_unsupported_whatever_its_name_says(stack: Stack, content: bytes) -> None:
    assert_refused(Answer.of(stack.post(content, "picture.png")), 415, "unsupported")


def png_of(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII5s", 13, b"IHDR", width, height, b"\x08\x02\0\0\0") + bytes(4)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(picture("PNG")[:20], id="PNG cut off in its header"),
        pytest.param(png_of(0, 10), id="PNG without width"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + b"\0\0\0\x0dIDAT" + bytes(20), id="PNG without a header"),
        pytest.param(b"\xff\xd8\xff\xd9", id="JPEG without a frame"),
        pytest.param(b"\xff\xd8\xff\xe0\x00\x10", id="JPEG cut off in a segment"),
        pytest.param(b"GIF89a\x01", id="GIF cut off"),
        pytest.param(b"GIF89a\x00\x00\x00\x00" + bytes(8), id="GIF without pixels"),
        pytest.param(b"RIFF\x24\x00\x00\x00WEBPXXXX" + bytes(20), id="WebP without an image"),
        pytest.param(struct.pack(">I4s4sI4s", 20, b"ftyp", b"avif", 0, b"avif"), id="AVIF without meta"),
    ],
)
def test_damaged_header_is_corrupt(stack: Stack, content: bytes) -> None:
    assert_refused(Answer.of(stack.post(content)), 422, "corrupt")
