"""Pictures that no camera writes: what is visible does not change, and nothing takes long."""

import io
import struct

import pytest
from PIL import Image

from authsvc.errors import Bomb, Corrupt
from authsvc.imaging.gif.walk import walk_gif
from authsvc.imaging.inspection import inspect
from authsvc.imaging.limits import MAX_PROFILE_BYTES
from authsvc.imaging.pieces import contents
from authsvc.model import ImageType
from tests.support.imaging.private_pictures import SECRET
from tests.support.imaging.real_pictures import saved, segment
from tests.support.limits import USUAL
from tests.unit.imaging.png.test_walk import chunk as png_chunk
from tests.unit.imaging.webp.test_walk import LOSSY, canvas, chunk, frame, webp

JPEG, GIF, WEBP = ImageType.JPEG, ImageType.GIF, ImageType.WEBP
VP8 = chunk(b"VP8 ", LOSSY)
ADOBE_RGB = segment(0xEE, b"Adobe\0\x64\0\0\0\0\0")
"""Marks the components as RGB."""


def kept(kind: ImageType, content: bytes, *, strips: bool = True) -> bytes:
    return b"".join(contents(content, inspect(content, kind, USUAL, strips=strips).pieces))


def seen(content: bytes) -> tuple[str, bytes]:
    with Image.open(io.BytesIO(content)) as image:
        return image.mode, image.convert("RGBA").tobytes()


def rgb_jpeg() -> bytes:
    """Return a JPEG with the components 1, 2 and 3, which only the segment of Adobe distinguishes from YCbCr."""
    plain = saved("JPEG", quality=90)
    jfif = plain.index(b"\xff\xe0")
    return plain[:jfif] + ADOBE_RGB + plain[jfif + 18 :]


def test_jfif_segment_that_is_too_short_is_not_padded() -> None:
    plain = rgb_jpeg()
    content = plain[:2] + segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1") + plain[2:]
    assert seen(content) == seen(plain)
    assert kept(JPEG, content) == plain


def test_stray_marker_in_a_scan_does_not_cut_the_picture() -> None:
    plain = saved("JPEG", size=(200, 200), restart_marker_blocks=4)
    at = plain.index(b"\xff\xd3") + 2
    content = plain[:at] + b"\xff\x01" + plain[at + 2 :]
    assert kept(JPEG, content) == content


@pytest.mark.parametrize("marker", [0xFE, 0xE1], ids=["comment", "Exif"])
def test_segment_within_a_scan_is_corrupt(marker: int) -> None:
    plain = saved("JPEG", size=(200, 200), restart_marker_blocks=4)
    at = plain.index(b"\xff\xd3") + 2
    with pytest.raises(Corrupt, match="interrupts its picture data"):
        inspect(plain[:at] + segment(marker, SECRET) + plain[at:], JPEG, USUAL, strips=True)


@pytest.mark.parametrize(
    ("block", "left"),
    [
        (b"\3\1\7\0", b"\3\1\7\0"),
        (b"\3\x09\7\0", b"\3\x09\7\0"),
        (b"\6\1\7\0own", b"\6\1\7\0\0\0\0"),
        (b"\3\1\7\0\3own", b"\3\1\7\0"),
        (b"\2\1\7", None),
        (b"\5\2\7\0\0\0", None),
        (b"", None),
    ],
    ids=["alone", "other bits", "longer", "something after it", "shorter", "a size of a buffer", "nothing"],
)
def test_only_the_number_of_repetitions_is_kept_of_its_gif_block(block: bytes, left: bytes | None) -> None:
    plain = saved("GIF", "P")
    name = b"\x21\xff\x0bNETSCAPE2.0"
    at = walk_gif(plain, USUAL).blocks[0].start
    content = plain[:at] + name + block + b"\0" + plain[at:]
    wanted = plain if left is None else plain[:at] + name + left + b"\0" + plain[at:]
    assert kept(GIF, content) == wanted
    assert kept(GIF, wanted) == wanted


def test_gif_control_before_a_text_applies_to_the_next_frame() -> None:
    image = Image.new("P", (9, 9), 1)
    image.putpalette(bytes(range(9)))
    image.paste(2, (0, 0, 4, 4))
    file = io.BytesIO()
    image.save(file, "GIF", transparency=1, optimize=False)
    plain = file.getvalue()
    at = plain.index(b"\x21\xf9") + 8
    text = b"\x21\x01\x0c" + bytes(12) + b"\x06" + SECRET + b"\0"
    content = plain[:at] + text + plain[at:]
    assert seen(content) == seen(plain)
    assert kept(GIF, content) == plain


def test_webp_frames_and_profile_without_their_flags_are_removed() -> None:
    hidden = frame(VP8)
    content = webp(canvas(), chunk(b"ICCP", b"profile"), chunk(b"ANIM", bytes(6)), VP8, hidden)
    assert kept(WEBP, content) == webp(canvas(), VP8)


def test_only_the_first_profile_of_a_webp_is_kept() -> None:
    first, second = chunk(b"ICCP", b"profile"), chunk(b"ICCP", SECRET)
    kept_file = webp(canvas(flags=0x20), first, VP8)
    assert kept(WEBP, webp(canvas(flags=0x20), first, second, VP8)) == kept_file
    assert kept(WEBP, webp(canvas(flags=0x20), first, VP8, second)) == kept_file


def test_only_the_picture_in_a_webp_frame_is_kept() -> None:
    head = canvas(flags=2), chunk(b"ANIM", bytes(6))
    hidden = chunk(b"ICCP", SECRET), chunk(b"ANIM", SECRET), chunk(b"EXIF", SECRET)
    assert kept(WEBP, webp(*head, frame(*hidden, VP8))) == webp(*head, frame(VP8))


def test_only_the_first_profile_of_a_gif_is_kept() -> None:
    plain = saved("GIF", "P")
    at = walk_gif(plain, USUAL).blocks[0].start
    first, second = (b"\x21\xff\x0bICCRGBG1012\6" + content + b"\0" for content in (b"colour", SECRET))
    assert kept(GIF, plain[:at] + first + second + plain[at:]) == plain[:at] + first + plain[at:]


def test_profile_beyond_its_limit_is_a_bomb() -> None:
    plain = saved("JPEG")
    part = segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(60_000))
    inspect(plain[:2] + part * 60 + plain[2:], JPEG, USUAL, strips=True)
    profile = chunk(b"ICCP", bytes(MAX_PROFILE_BYTES + 1))
    for kind, content in (
        (JPEG, plain[:2] + part * 70 + plain[2:]),
        (WEBP, webp(canvas(flags=0x20), profile, VP8)),
    ):
        with pytest.raises(Bomb, match="colour profile"):
            inspect(content, kind, USUAL, strips=True)


def multi_picture(second: bytes, tags: int = 1, entries: int = 1) -> bytes:
    """Return a JPEG followed by `second`, which `tags` tags with `entries` entries each declare."""
    plain = saved("JPEG")
    size = 8 + 2 + 12 * tags + 16 * entries
    first = len(plain) + 4 + 4 + size
    entry = struct.pack(">IIIHH", 0, len(second), first - 2 - 4 - 4, 0, 0)
    index = b"MM\0*" + struct.pack(">IH", 8, tags)
    index += struct.pack(">HHII", 0xB002, 7, 16 * entries, 10 + 12 * tags) * tags
    return plain[:2] + segment(0xE2, b"MPF\0" + index + entry * entries) + plain[2:] + second


# Reading it once takes a tenth of a second; it is declared 256 times.
@pytest.mark.timeout(15)
@pytest.mark.parametrize("strips", [True, False])
def test_picture_that_is_declared_many_times_is_read_once(*, strips: bool) -> None:
    other = saved("JPEG")
    second = other[:-2] + b"\xff\0" * (9 * 2**20) + other[-2:]
    content = multi_picture(second, tags=32, entries=8)
    assert len(kept(JPEG, content, strips=strips)) == len(saved("JPEG") if strips else content)


def test_declared_picture_that_is_not_a_jpeg_is_always_removed() -> None:
    second = saved("JPEG")
    for other in (b"PK\3\4<script>", b"\xff\xd8\xff<script>"):
        assert kept(JPEG, multi_picture(other), strips=False) == multi_picture(other).removesuffix(other)
    content = multi_picture(second + b"<script>")
    assert kept(JPEG, content, strips=False) == content.removesuffix(b"<script>")


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        *((name, SECRET * 7, b"IDAT") for name in (b"hIST", b"gAMA", b"cHRM", b"sRGB", b"cICP", b"pHYs", b"acTL")),
        (b"pHYs", SECRET + b"day", b"IEND"),
        (b"fdAT", b"\0\0\0\1" + SECRET, b"IEND"),
        (b"fcTL", struct.pack(">III", 0, 1, 1) + bytes(8) + SECRET, b"IDAT"),
        (b"ABCD", SECRET, b"IEND"),
    ],
)
def test_png_chunk_that_decoders_ignore_is_removed(name: bytes, content: bytes, place: bytes) -> None:
    plain = saved("PNG", "RGBA")
    at = plain.rindex(place) - 4 if place == b"IEND" else plain.index(place) - 4
    assert kept(ImageType.PNG, plain[:at] + png_chunk(name, content) + plain[at:]) == plain


def test_content_of_png_end_chunk_is_removed() -> None:
    plain = saved("PNG")
    content = plain[:-12] + png_chunk(b"IEND", SECRET)
    assert kept(ImageType.PNG, content) == plain


def test_only_the_first_of_two_equal_png_chunks_is_kept() -> None:
    plain = saved("PNG", dpi=(300, 300))
    at = plain.index(b"IDAT") - 4
    second = png_chunk(b"pHYs", SECRET + b"day")
    assert kept(ImageType.PNG, plain[:at] + second + plain[at:]) == plain
