import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authsvc.imaging.formats import HEAD_BYTES, sniff
from authsvc.model import ImageType
from tests.support.imaging.real_pictures import PICTURES, saved, smallest_webp


@pytest.mark.parametrize(("kind", "content"), PICTURES.values(), ids=PICTURES.keys())
def test_type_is_recognised_by_the_first_bytes(kind: ImageType, content: bytes) -> None:
    assert sniff(content[:HEAD_BYTES]) is kind


@pytest.mark.parametrize(("kind", "content"), PICTURES.values(), ids=PICTURES.keys())
def test_fewer_bytes_are_never_recognised_as_another_type(kind: ImageType, content: bytes) -> None:
    assert {sniff(content[:length]) for length in range(HEAD_BYTES)} == {None, kind}


def test_smallest_webp_is_recognised() -> None:
    assert sniff(smallest_webp()) is ImageType.WEBP


def ftyp(major: bytes, *compatible: bytes, size: int | None = None) -> bytes:
    """Return a FileTypeBox (ISO/IEC 14496-12 section 4.3)."""
    content = major + bytes(4) + b"".join(compatible)
    return struct.pack(">I", 8 + len(content) if size is None else size) + b"ftyp" + content


FOREIGN = {
    "nothing": b"",
    "one byte": b"\xff",
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "SVG with a declaration": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
    "HTML": b"<!DOCTYPE html><script>alert(1)</script>",
    "HTML with a GIF in it": b"<html>GIF89a",
    "TIFF": saved("TIFF"),
    "TIFF of Motorola": b"MM\0*\0\0\0\x08",
    "BMP": saved("BMP"),
    "ICO": saved("ICO"),
    "PDF": saved("PDF"),
    "ZIP": b"PK\x03\x04" + bytes(26),
    "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n",
    "JPEG XL": b"\xff\x0a",
    "JPEG XL in a container": b"\0\0\0\x0cJXL \r\n\x87\n",
    "PSD": b"8BPS\0\1",
    "WAV": b"RIFF\x24\0\0\0WAVEfmt ",
    "AVI": b"RIFF\x24\0\0\0AVI LIST",
    "HEIC": ftyp(b"heic", b"mif1", b"heic"),
    "HEIF of an unknown codec": ftyp(b"mif1", b"mif1", b"miaf"),
    "MP4": ftyp(b"isom", b"isom", b"iso2", b"avc1", b"mp41"),
    "GIF of a later year": b"GIF90a" + bytes(20),
    "PNG after a text transfer": b"\x89PNG\n\x1a\n" + bytes(20),
    "PNG without its first byte": saved("PNG")[1:],
    "JPEG's start alone": b"\xff\xd8",
    "JPEG after a byte order mark": b"\xef\xbb\xbf" + saved("JPEG"),
    "PNG after a newline": b"\n" + saved("PNG"),
    "AVIF brand after the box": ftyp(b"mif1", b"miaf") + b"avif",
    "AVIF brand as the minor version": struct.pack(">I4s4s4s", 16, b"ftyp", b"mif1", b"avif"),
    "AVIF brand across two": ftyp(b"mif1", b"xxav", b"ifxx"),
    "AVIF brand in upper case": ftyp(b"AVIF"),
    "AVIF's box without a size": ftyp(b"avif", size=0),
    "AVIF's box with a large size": ftyp(b"avif", size=1),
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN.keys())
def test_other_files_have_no_type(content: bytes) -> None:
    assert sniff(content[:HEAD_BYTES]) is None


@pytest.mark.parametrize("others", [0, 1, 20, 58], ids="{} brands before".format)
@pytest.mark.parametrize("brand", [b"avif", b"avis"], ids=["picture", "sequence"])
def test_avif_brand_may_follow_others(brand: bytes, others: int) -> None:
    head = ftyp(b"mif1", *[b"miaf"] * others, brand)
    assert sniff(head[:HEAD_BYTES]) is ImageType.AVIF


SIGNATURES = [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"RIFF\0\0\0\0WEBP", b"\0\0\0\x0cftypavif"]


@settings(deadline=None)
@given(begin=st.sampled_from(SIGNATURES), rest=st.binary(max_size=HEAD_BYTES))
def test_only_the_first_bytes_matter(begin: bytes, rest: bytes) -> None:
    assert sniff(begin + rest) is sniff(begin) is not None
