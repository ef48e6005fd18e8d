import struct
import zlib

import pytest
from PIL import Image

from tests.support.pictures import FORMATS, picture
from tests.support.stack import Stack
from tests.support.upload.wire import Answer, assert_refused


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
        pytest.param(b"\n" + picture("PNG"), id="PNG after a line feed"),
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
        pytest.param(png_of(0, 10), id="PNG without width"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + b"\0\0\0\x0dIDAT" + bytes(20), id="PNG without a header"),
        pytest.param(b"\xff\xd8\xff\xd9", id="JPEG without a frame"),
        pytest.param(b"GIF89a\x00\x00\x00\x00" + bytes(8), id="GIF without pixels"),
        pytest.param(b"RIFF\x1c\x00\x00\x00WEBPXXXX" + bytes(20), id="WebP without an image"),
        pytest.param(struct.pack(">I4s4sI4s", 20, b"ftyp", b"avif", 0, b"avif"), id="AVIF without meta"),
    ],
)
def test_damaged_header_is_corrupt(stack: Stack, content: bytes) -> None:
    assert_refused(Answer.of(stack.post(content)), 422, "corrupt")


@pytest.mark.parametrize("percent", range(5, 100, 5))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
def test_file_that_was_cut_off_is_truncated(stack: Stack, kind: str, percent: int) -> None:
    content = picture(kind, (640, 480), seed=1)
    answer = Answer.of(stack.post(content[: len(content) * percent // 100]))
    assert_refused(answer, 422, "truncated")
    assert "Upload the whole file." in answer.json["message"]


@pytest.mark.parametrize(
    ("size", "figures"),
    [
        pytest.param((12_800, 4_000), "51.2 megapixels (12800 x 4000); the limit is 50.", id="pixels"),
        pytest.param((16_385, 1), "a side of 16385 pixels (16385 x 1); the limit is 16384.", id="side"),
    ],
)
def test_picture_beyond_a_limit_is_refused_with_the_figures(stack: Stack, size: tuple[int, int], figures: str) -> None:
    answer = Answer.of(stack.post(png_of(*size)))
    assert_refused(answer, 422, "too_many_pixels")
    assert figures in answer.json["message"]


def test_limits_are_settings() -> None:
    with Stack(max_pixels=3000, max_side=60, max_scans=9, max_frames=2) as small:
        assert small.post(picture("PNG", (60, 50))).status_code == 200
        assert_refused(Answer.of(small.post(picture("PNG", (60, 51)))), 422, "too_many_pixels")
        assert_refused(Answer.of(small.post(picture("PNG", (61, 1)))), 422, "too_many_pixels")
        assert small.post(picture("JPEG", (40, 40))).status_code == 200
        assert_refused(Answer.of(small.post(picture("JPEG", (40, 40), progressive=True))), 422, "too_many_scans")
        frames = [Image.new("RGB", (40, 40), shade) for shade in ("red", "green", "blue")]
        for count, status in (2, 200), (3, 422):
            content = picture("PNG", (40, 40), save_all=True, append_images=frames[: count - 1])
            answer = Answer.of(small.post(content))
            assert answer.status == status
        assert_refused(answer, 422, "too_many_frames")


def test_text_that_unpacks_to_too_much_is_a_bomb(stack: Stack) -> None:
    text = b"zTXtComment\0\0" + zlib.compress(bytes(5 * 2**20))
    content = picture("PNG")
    bomb = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    assert_refused(Answer.of(stack.post(content[:33] + bomb + content[33:])), 422, "bomb")
