"""Which file a reader gets for `?w=`."""

import io

import pytest
from PIL import Image, ImageSequence

from authsvc.model import WIDTHS
from tests.support.imaging.real_pictures import smallest_webp
from tests.support.sizes.reading import AVIF, PLAIN, WEBP, ask, jobs, photograph, shown
from tests.support.stack import Stack, wait_until


@pytest.mark.parametrize("width", [width for width in WIDTHS if width < 1000])
@pytest.mark.parametrize(
    ("accept", "mime"),
    [(PLAIN, "image/jpeg"), (WEBP, "image/webp"), (AVIF, "image/webp")],
    ids=["plain", "webp", "avif"],
)
def test_first_request_gets_the_width_in_a_format_that_the_reader_accepts(
    stack: Stack, photo: str, width: int, accept: str, mime: str
) -> None:
    answer = shown(stack, f"{photo}?w={width}", accept)
    assert (answer.status, answer.mime, answer.size) == (200, mime, (width, round(700 * width / 1000)))
    assert answer.is_kept


@pytest.mark.parametrize("width", [1280, 1920])
def test_picture_is_never_enlarged(stack: Stack, photo: str, width: int) -> None:
    assert [shown(stack, f"{photo}?w={width}", accept).size for accept in (PLAIN, WEBP)] == [(1000, 700)] * 2


def test_avif_is_served_as_soon_as_it_is_made(stack: Stack, photo: str) -> None:
    webp = shown(stack, f"{photo}?w=640", WEBP)
    wait_until(lambda: ask(stack, f"{photo}?w=640", AVIF).headers["content-type"] == "image/avif", "AVIF is there")
    avif = ask(stack, f"{photo}?w=640", AVIF)
    assert len(avif.content) < len(webp.content)
    assert shown(stack, f"{photo}?w=640", AVIF).size == webp.size
    assert shown(stack, f"{photo}?w=640", WEBP).content == webp.content


@pytest.mark.parametrize(
    ("accept", "mime"),
    [
        ("", "image/jpeg"),
        ("*/*", "image/jpeg"),
        ("image/*", "image/jpeg"),
        ("image/webp", "image/webp"),
        ("IMAGE/WebP", "image/webp"),
        ("text/html,image/webp;q=0.9", "image/webp"),
        ("image/webp ; q=0.001 , */*", "image/webp"),
        ("image/webp;q=0", "image/jpeg"),
        ("image/webp;q=0.000,*/*", "image/jpeg"),
        ("image/webp;q=0.5;q=0", "image/webp"),
        ("image/webpx", "image/jpeg"),
        ("ximage/webp", "image/jpeg"),
        ("image/webp;x=1;q=0", "image/jpeg"),
        ("image/webp;q=0;x=1", "image/jpeg"),
        ("image/webp;x=1;q=0.1", "image/webp"),
        ("image/avif;q=0,image/webp", "image/webp"),
        ("image/avif", "image/jpeg"),
        ("image/avif,image/webp;q=0", "image/jpeg"),
    ],
)
def test_accept_header_decides_about_webp(stack: Stack, photo: str, accept: str, mime: str) -> None:
    assert shown(stack, f"{photo}?w=160", accept).mime == mime


def test_orientation_is_applied(stack: Stack) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = stack.upload(photograph(exif=exif.tobytes()))
    assert [shown(stack, f"{path}?w=320", accept).size for accept in (PLAIN, WEBP)] == [(320, 457)] * 2


def test_transparency_is_kept(stack: Stack) -> None:
    image = Image.effect_noise((900, 600), 90).convert("RGB")
    image.putalpha(Image.radial_gradient("L").resize((900, 600)))
    file = io.BytesIO()
    image.save(file, "PNG")
    path = stack.upload(file.getvalue())
    for accept in (PLAIN, WEBP):
        answer = shown(stack, f"{path}?w=320", accept)
        assert answer.mode == "RGBA"
        with Image.open(io.BytesIO(answer.content)) as small:
            corner, centre = small.getpixel((0, 0)), small.getpixel((160, 107))
        assert isinstance(corner, tuple)
        assert isinstance(centre, tuple)
        assert (corner[3] > 240, centre[3] < 20) == (True, True)


def test_animation_keeps_its_frames_as_gif_and_as_webp(stack: Stack) -> None:
    frames = [Image.effect_noise((500, 300), 80).convert("P") for _ in range(4)]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=[100, 200, 300, 400], loop=3)
    path = stack.upload(file.getvalue())
    for accept, mime in ((PLAIN, "image/gif"), (AVIF, "image/webp")):
        answer = shown(stack, f"{path}?w=160", accept)
        assert (answer.mime, answer.size, answer.frames) == (mime, (160, 96), 4)
        with Image.open(io.BytesIO(answer.content)) as animation:
            assert [_milliseconds(frame) for frame in ImageSequence.Iterator(animation)] == [100, 200, 300, 400]


@pytest.mark.parametrize("accept", [PLAIN, WEBP], ids=["plain", "webp"])
def test_reader_gets_the_picture_itself_when_a_size_is_not_smaller(stack: Stack, accept: str) -> None:
    # No encoder makes it smaller.
    path = stack.upload(content := smallest_webp())
    stack.cli("image", "rm", path)
    assert stack.upload(content) == path
    before = jobs(stack, "linked")
    for _ in range(2):
        answer = shown(stack, f"{path}?w=160", accept)
        assert (answer.mime, answer.content) == ("image/webp", content)
        assert answer.is_kept
    assert jobs(stack, "linked") == before + 1


def test_thumbnail_url_of_an_upload_works(stack: Stack) -> None:
    answer = stack.post(photograph(), "holiday.jpg").json()["data"]
    assert shown(stack, answer["thumbnail_url"].removeprefix(f"http://localhost:{stack.port}")).size == (320, 224)


@pytest.mark.parametrize(
    "query",
    ["w=0", "w=161", "w=0320", "w=320&", "w=320&w=320", "W=320", "w=%3320", "w=320%0a", "w=", "w=320&a=1", "x=320", ""],
)
def test_other_query_strings_are_404(stack: Stack, photo: str, query: str) -> None:
    assert ask(stack, f"{photo}?{query}").status_code == 404


def test_old_addresses_have_no_sizes(stack: Stack, photo: str) -> None:
    assert [ask(stack, f"/?path={photo}{more}").status_code for more in ("&w=320", "?w=320", "%3Fw=320")] == [404] * 3


def _milliseconds(frame: Image.Image) -> object:
    frame.load()
    return frame.info["duration"]
