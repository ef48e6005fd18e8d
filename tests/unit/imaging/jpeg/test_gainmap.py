"""HDR gain maps are kept, with only what a screen needs."""

import io

import pytest
from PIL import Image
from PIL.MpoImagePlugin import MpoImageFile

from authsvc.imaging.inspection import inspect
from authsvc.imaging.jpeg.walk import walk_jpeg
from authsvc.imaging.pieces import contents
from authsvc.model import ImageType
from tests.support.imaging.hdr_pictures import ISO, KINDS, MAP_XMP, ultra_hdr
from tests.support.imaging.private_pictures import SECRET
from tests.support.imaging.real_pictures import segment
from tests.support.limits import USUAL

PROFILE = segment(0xE2, b"ICC_PROFILE\0\1\1colours")


def stripped(content: bytes, *, strips: bool = True) -> bytes:
    return b"".join(contents(content, inspect(content, ImageType.JPEG, USUAL, strips=strips).pieces))


def pictures(content: bytes) -> list[bytes]:
    """Return the pictures that Pillow finds by the Multi-Picture segment, each as bytes."""
    with MpoImageFile(io.BytesIO(content)) as image:
        assert image.mpinfo is not None
        entries = image.mpinfo[0xB002]
    starts = [0, content.index(b"MPF\0") + 4 + entries[1]["DataOffset"]]
    return [content[start : start + entry["Size"]] for start, entry in zip(starts, entries, strict=True)]


@pytest.mark.parametrize("content", KINDS.values(), ids=KINDS.keys())
def test_gain_map_is_at_its_declared_place_with_every_pixel(content: bytes) -> None:
    before, after = pictures(content), pictures(stripped(content))
    assert len(after) == 2
    for old, new in zip(before, after, strict=True):
        with Image.open(io.BytesIO(old)) as one, Image.open(io.BytesIO(new)) as other:
            assert (other.size, other.mode, other.tobytes()) == (one.size, one.mode, one.tobytes())
    assert b"".join(after) == stripped(content)


@pytest.mark.parametrize("content", KINDS.values(), ids=KINDS.keys())
def test_nothing_private_is_left_in_either_picture(content: bytes) -> None:
    assert content.count(SECRET) > 5
    found = stripped(content)
    assert SECRET not in found
    for picture in pictures(found):
        with Image.open(io.BytesIO(picture)) as image:
            assert dict(image.getexif()).keys() <= {0x0112}


@pytest.mark.parametrize("content", KINDS.values(), ids=KINDS.keys())
def test_stripping_a_clean_file_changes_nothing(content: bytes) -> None:
    clean = stripped(content)
    assert inspect(clean, ImageType.JPEG, USUAL, strips=True).pieces == [range(len(clean))]


def test_parameters_of_the_gain_map_are_kept() -> None:
    first, second = pictures(stripped(KINDS["both"]))
    for text in (
        b'hdrgm:Version="1.0"',
        b'hdrgm:GainMapMax="2.5"',
        b'hdrgm:HDRCapacityMax="2.5"',
        b'hdrgm:BaseRenditionIsHDR="False"',
        b"<rdf:li>-0.5</rdf:li><rdf:li>0.0</rdf:li><rdf:li>0.25</rdf:li>",
        ISO + b"\0\0\0\0params",
    ):
        assert text in second
    assert b'Item:Semantic="GainMap"' in first
    assert b'Item:Length="%d"' % len(second) in first
    assert ISO in first


@pytest.mark.parametrize("content", KINDS.values(), ids=KINDS.keys())
def test_both_pictures_are_unchanged_without_the_option_to_strip(content: bytes) -> None:
    assert stripped(content, strips=False) == content.removesuffix(b"Secret after it")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"/hdr-gain-map/", b"/hdr-pain-map/"),
        (b"hdrgm:Version", b"hdrgm:Version_"),
        (b"\xb0\x02\0\x07", b"\xb0\x09\0\x07"),
    ],
    ids=["another namespace", "no version", "no entries"],
)
def test_second_picture_that_is_not_a_gain_map_is_removed(old: bytes, new: bytes) -> None:
    content = ultra_hdr()
    assert old in content
    found = stripped(content.replace(old, new))
    assert found.count(b"\xff\xd8\xff") == 1
    assert b"MPF" not in found
    assert SECRET not in found


@pytest.mark.parametrize("cut", range(1, 60, 4))
def test_damaged_index_loses_only_the_second_picture(cut: int) -> None:
    whole = ultra_hdr()
    at = whole.index(b"MPF\0") + 4
    content = whole[: at + cut] + b"\xff" * (90 - cut) + whole[at + 90 :]
    walked = walk_jpeg(stripped(content), USUAL)
    assert (walked.width, walked.height) == (73, 41)


def test_parameters_are_read_in_every_form_that_writers_use() -> None:
    xmp = (
        MAP_XMP.replace(b'hdrgm:GainMapMax="2.5" ', b"")
        .replace(b'hdrgm:HDRCapacityMax="2.5"', b'hdrgm:HDRCapacityMax = "+2.5E0" hdrgm:OffsetSDR="1e-07"')
        .replace(b"<dc:creator>", b"<hdrgm:GainMapMax>\n 2.5 </hdrgm:GainMapMax><dc:creator>")
    )
    _, second = pictures(stripped(ultra_hdr(xmp=xmp)))
    for text in (b'hdrgm:HDRCapacityMax="+2.5E0"', b'hdrgm:OffsetSDR="1e-07"', b'hdrgm:GainMapMax="2.5"'):
        assert text in second
    assert inspect(stripped(ultra_hdr(xmp=xmp)), ImageType.JPEG, USUAL, strips=True).pieces == [
        range(len(stripped(ultra_hdr(xmp=xmp))))
    ]


def test_bytes_after_the_standard_segment_are_removed() -> None:
    found = stripped(ultra_hdr(xmp=b"", iso=bytes(141) + SECRET))
    assert found.count(ISO) == 2
    assert ISO + bytes(141) in found
    assert SECRET not in found


def test_second_picture_keeps_its_colours() -> None:
    whole = ultra_hdr(xmp=b"", iso=b"\0\0\0\0params")
    jfif = whole.index(b"JFIF", whole.index(b"\xff\xd9"))
    content = whole[: jfif - 4] + PROFILE + whole[jfif - 4 :]
    # The index contains the length of the second picture.
    size = len(whole) - len(b"Secret after it") - whole.index(b"\xff\xd9") - 2
    content = content.replace(size.to_bytes(4, "big"), (size + len(PROFILE)).to_bytes(4, "big"), 1)
    first, second = pictures(stripped(content))
    assert PROFILE in second
    assert PROFILE not in first
