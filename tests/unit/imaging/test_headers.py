"""Headers made byte by byte that no encoder here writes."""

import struct
import sys
from types import FrameType

import pytest

from authsvc.errors import Corrupt
from authsvc.imaging.exif import orientation_alone
from authsvc.imaging.inspection import size_in_header
from authsvc.model import ImageType
from tests.support.imaging.real_pictures import SIZE, saved, segment

SOI = b"\xff\xd8"
FRAME = struct.pack(">BHHB", 8, 41, 73, 1) + b"\1\x11\0"


def jpeg(*segments: bytes) -> tuple[int, int]:
    return size_in_header(SOI + b"".join(segments), ImageType.JPEG)


@pytest.mark.parametrize("marker", sorted({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}), ids=hex)
def test_every_kind_of_jpeg_frame_is_read(marker: int) -> None:
    assert jpeg(segment(marker, FRAME)) == (73, 41)


@pytest.mark.parametrize("marker", [0xC4, 0xC8, 0xCC], ids=["Huffman table", "reserved", "arithmetic table"])
def test_jpeg_table_is_not_read_as_a_frame(marker: int) -> None:
    assert jpeg(segment(marker, bytes(16)), segment(0xC0, FRAME)) == (73, 41)


@pytest.mark.parametrize("marker", [0x01, *range(0xD0, 0xD8)], ids=hex)
def test_jpeg_marker_without_length_is_skipped(marker: int) -> None:
    assert jpeg(bytes([0xFF, marker]), segment(0xC0, FRAME)) == (73, 41)


def test_bytes_between_jpeg_segments_are_skipped() -> None:
    assert jpeg(b"\0", segment(0xE0, b""), b"a\xff\0b\xff", segment(0xC0, FRAME)) == (73, 41)
    assert jpeg(bytes(9000), segment(0xC0, FRAME)) == (73, 41)


BAD_JPEGS = {
    "nothing more": (b"", "too early"),
    "end of image": (b"\xff\xd9" + segment(0xC0, FRAME), "before its first scan"),
    "scan first": (segment(0xDA, b"") + segment(0xC0, FRAME), "before its first scan"),
    "segment without its length": (b"\xff\xe0\0", "too early"),
    "segment beyond the end": (segment(0xE0, b"abc")[:-1], "too early"),
    "frame cut off": (segment(0xC0, FRAME)[:8], "too early"),
    "fill bytes alone": (b"\xff" * 1000, "too early"),
    "no height": (segment(0xC0, struct.pack(">BHHB", 8, 0, 73, 1)), "73 x 0 pixels"),
    "no width": (segment(0xC0, struct.pack(">BHHB", 8, 41, 0, 1)), "0 x 41 pixels"),
    "endless segments": (segment(0xFE, b"") * 3000 + segment(0xC0, FRAME), "more than 2000 segments"),
}


@pytest.mark.parametrize(("rest", "reason"), BAD_JPEGS.values(), ids=BAD_JPEGS.keys())
def test_jpeg_without_a_readable_frame_is_corrupt(rest: bytes, reason: str) -> None:
    with pytest.raises(Corrupt, match=reason):
        jpeg(rest)


def test_orientation_is_read_also_from_exif_between_frame_and_scan() -> None:
    exif = segment(0xE1, b"Exif\0\0" + orientation_alone(6))
    assert jpeg(segment(0xC0, FRAME), exif, segment(0xDA, b"")) == (41, 73)
    assert jpeg(segment(0xC0, FRAME), segment(0xDA, b""), exif) == (73, 41)


def test_damage_after_the_jpeg_frame_is_ignored() -> None:
    for damage in (b"\xff\xd8", b"\xff\xe0\0\0", segment(0xE1, b"abc")[:-1], b"\xff" * 9, b""):
        assert jpeg(segment(0xC0, FRAME), damage) == (73, 41)


def calls_for_fill_bytes(count: int) -> int:
    """Return how often our own functions are called, call others and return to read so many fill bytes."""
    found = 0

    def note(frame: FrameType, *_: object) -> None:
        nonlocal found
        # Python may collect garbage meanwhile, which calls functions of other modules.
        found += frame.f_globals["__name__"].startswith("authsvc.imaging.")

    content = SOI + b"\xff" * count
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        with pytest.raises(Corrupt):
            size_in_header(content, ImageType.JPEG)
    finally:
        sys.setprofile(before)
    return found


def test_megabytes_of_jpeg_fill_bytes_are_not_read_one_by_one() -> None:
    """With quadratic time inside one call, this number of bytes would take hours."""
    assert calls_for_fill_bytes(2**24) == calls_for_fill_bytes(2**4)


PNG_HEAD = b"\x89PNG\r\n\x1a\n\0\0\0\r"
BAD_HEADS = {
    "PNG without IHDR": (ImageType.PNG, PNG_HEAD + b"CgBI" + bytes(17), "first chunk is not IHDR"),
    "PNG of no width": (
        ImageType.PNG,
        PNG_HEAD + b"IHDR" + struct.pack(">II", 0, 5) + b"\x08\2\0\0\0" + bytes(4),
        "0 x 5 pixels",
    ),
    "GIF of no height": (ImageType.GIF, b"GIF89a" + struct.pack("<HHxxx", 5, 0) + b";", "5 x 0 pixels"),
    "WebP of another chunk": (
        ImageType.WEBP,
        b"RIFF\0\0\0\0WEBPJUNK" + bytes(30),
        "first chunk is not VP8, VP8L or VP8X",
    ),
    "VP8 without its start code": (
        ImageType.WEBP,
        b"RIFF\x1e\0\0\0WEBPVP8 \x12\0\0\0" + bytes(18),
        "not begin with a key frame",
    ),
    "VP8L without its signature": (
        ImageType.WEBP,
        b"RIFF\x1e\0\0\0WEBPVP8L\x12\0\0\0" + bytes(18),
        "not begin with its signature",
    ),
}


@pytest.mark.parametrize(("kind", "content", "reason"), BAD_HEADS.values(), ids=BAD_HEADS.keys())
def test_invalid_header_is_corrupt(kind: ImageType, content: bytes, reason: str) -> None:
    with pytest.raises(Corrupt, match=reason):
        size_in_header(content, kind)


def test_vp8_scaling_bits_do_not_belong_to_the_size() -> None:
    head = b"RIFF\x16\0\0\0WEBPVP8 \x0a\0\0\0\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 73 | 0xC000, 41 | 0x4000)
    assert size_in_header(head, ImageType.WEBP) == (73, 41)


@pytest.mark.parametrize("length", [0, 2**32 - 1], ids=["none", "gigabytes"])
def test_wrong_length_in_a_webp_riff_header_is_ignored(length: int) -> None:
    content = bytearray(saved("WEBP"))
    content[4:8] = struct.pack("<I", length)
    assert size_in_header(bytes(content), ImageType.WEBP) == SIZE


def box(name: bytes, *contents: bytes) -> bytes:
    content = b"".join(contents)
    return struct.pack(">I4s", 8 + len(content), name) + content


def large_box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4sQ", 1, name, 16 + len(content)) + content


def meta(*properties: bytes, shown: int = 1) -> bytes:
    """Return the content of a MetaBox whose picture, item 1, has the property with the number `shown`."""
    pitm = box(b"pitm", struct.pack(">4xH", 1))
    ipma = box(b"ipma", struct.pack(">4xI", 1), struct.pack(">HBB", 1, 1, shown))
    return bytes(4) + box(b"hdlr", bytes(25)) + pitm + box(b"iprp", box(b"ipco", *properties), ipma)


def ispe(width: int, height: int) -> bytes:
    return box(b"ispe", struct.pack(">4xII", width, height))


FTYP = box(b"ftyp", b"avif", bytes(4), b"avif")
GOOD = meta(ispe(73, 41))


def avif(*boxes: bytes) -> tuple[int, int]:
    return size_in_header(b"".join(boxes), ImageType.AVIF)


AVIFS = {
    "plain": (FTYP, box(b"meta", GOOD)),
    "other boxes before": (FTYP, box(b"free", bytes(99)), box(b"mdat", bytes(5000)), box(b"meta", GOOD)),
    "64-bit box before": (FTYP, large_box(b"mdat", bytes(99)), box(b"meta", GOOD)),
    "64-bit meta": (FTYP, large_box(b"meta", GOOD)),
    "tiles before the whole": (FTYP, box(b"meta", meta(ispe(40, 41), box(b"pixi", bytes(8)), ispe(73, 41), shown=3))),
    "whole before its tiles": (FTYP, box(b"meta", meta(ispe(73, 41), ispe(40, 41), ispe(73, 41)))),
    "thumbnail": (FTYP, box(b"meta", meta(ispe(7, 4), ispe(73, 41), shown=2))),
    "meta that reaches to the end": (FTYP, b"\0\0\0\0meta", GOOD),
    "meta of megabytes": (FTYP, box(b"meta", GOOD, box(b"free", bytes(2**21)))),
    "data cut off": (FTYP, box(b"meta", GOOD), box(b"mdat", bytes(99))[:-1]),
    "first of two metas": (FTYP, box(b"meta", GOOD), box(b"meta", meta(ispe(9, 9)))),
}


@pytest.mark.parametrize("boxes", AVIFS.values(), ids=AVIFS.keys())
def test_avif_size_is_that_of_the_whole_picture(boxes: tuple[bytes, ...]) -> None:
    assert avif(*boxes) == (73, 41)


BAD_AVIFS = {
    "no meta": ((FTYP, box(b"mdat", bytes(9))), "no meta box"),
    "box shorter than its header": ((FTYP, b"\0\0\0\7free", GOOD), "no meta box"),
    "64-bit box shorter than its header": ((FTYP, struct.pack(">I4sQ", 1, b"free", 15), GOOD), "no meta box"),
    "64-bit size cut off": ((FTYP, b"\0\0\0\1free\0\0"), "no meta box"),
    "box of exabytes": ((FTYP, struct.pack(">I4sQ", 1, b"free", 2**63)), "too early"),
    "box beyond the end": ((FTYP, b"\xff\xff\xff\xfffree"), "too early"),
    "meta beyond the end": ((FTYP, box(b"meta", GOOD)[:-1]), "too early"),
    "endless boxes": ((box(b"free") * 6000, box(b"meta", GOOD)), "more than 5000 boxes"),
    "empty meta": ((FTYP, box(b"meta")), "damaged"),
    "no properties": ((FTYP, box(b"meta", bytes(4), box(b"pitm", bytes(6)), box(b"iprp"))), "0 lists of properties"),
    "no size property": ((FTYP, box(b"meta", meta(box(b"pixi", bytes(8))))), "has no size"),
    "size of another item": ((FTYP, box(b"meta", meta(ispe(73, 41), box(b"pixi", bytes(8)), shown=2))), "has no size"),
    "size elsewhere": ((FTYP, box(b"meta", bytes(4), box(b"pitm", bytes(6)), ispe(73, 41))), "no iprp box"),
    "size property cut off": ((FTYP, box(b"meta", meta(box(b"ispe", bytes(11))))), "damaged"),
    "property shorter than its header": ((FTYP, box(b"meta", meta(b"\0\0\0\1ispe", ispe(73, 41)))), "damaged"),
    "no pixels": ((FTYP, box(b"meta", meta(ispe(0, 41)))), "0 x 41 pixels"),
}


@pytest.mark.parametrize(("boxes", "reason"), BAD_AVIFS.values(), ids=BAD_AVIFS.keys())
def test_avif_without_a_readable_size_is_corrupt(boxes: tuple[bytes, ...], reason: str) -> None:
    with pytest.raises(Corrupt, match=reason):
        avif(*boxes)
