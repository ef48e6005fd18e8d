"""JPEG files that are whole, cut off, damaged or hostile."""

import io
import re
import struct
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from authsvc.errors import AnswerError, Corrupt, TooManyPixels, TooManyScans, Truncated
from authsvc.imaging.jpeg.segments import MAX_SEGMENTS
from authsvc.imaging.jpeg.walk import Jpeg, walk_jpeg
from tests.support.imaging.real_pictures import SIZE, jpeg_with, opened_size, saved, segment
from tests.support.imaging.walking import each_byte_changed, outcomes_of
from tests.support.limits import USUAL

SOI, EOI = b"\xff\xd8", b"\xff\xd9"
FRAME = segment(0xC0, struct.pack(">BHHB", 8, 41, 73, 1) + b"\1\x11\0")
SCAN = segment(0xDA, b"\1\1\0\0\x3f\0") + bytes(100)


def multi_picture() -> bytes:
    """Return a JPEG that is followed by a second one (CIPA DC-007), as phones write them."""
    images = [Image.linear_gradient("L").resize(size) for size in (SIZE, (20, 10))]
    file = io.BytesIO()
    images[0].save(file, "MPO", save_all=True, append_images=images[1:])
    return file.getvalue()


def exif() -> bytes:
    """Return Exif with an orientation, a maker's name and a place on Earth."""
    tags = Image.Exif()
    tags[0x0112], tags[0x010F] = 6, "A maker of cameras"
    tags.get_ifd(0x8825)[2] = (47.0, 22.0, 1.0)
    return tags.tobytes()


WHOLE = {
    "baseline": saved("JPEG"),
    "progressive": saved("JPEG", progressive=True),
    "optimised": saved("JPEG", optimize=True),
    "grey": saved("JPEG", "L"),
    "CMYK": saved("JPEG", "CMYK"),
    "every sample of colour": saved("JPEG", subsampling=0, quality=100),
    "restart markers": saved("JPEG", restart_marker_blocks=1),
    "one grey": saved("JPEG", "1", (2000, 1500)),
    "EXIF": saved("JPEG", exif=exif()),
    "ICC profile in parts": saved("JPEG", icc_profile=bytes(200_000)),
    "comment": saved("JPEG", comment=b"not for everybody"),
    "thumbnail of a JPEG in it": jpeg_with(segment(0xE1, b"Exif\0\0" + saved("JPEG"))),
    "fill bytes": jpeg_with(b"\xff" * 500),
    "something between segments": saved("JPEG")[:20] + b"\0something" + saved("JPEG")[20:],
    "several pictures": multi_picture(),
    "something after it": saved("JPEG") + b"<script>1</script>",
}
DAMAGED = {"baseline": WHOLE["baseline"], "progressive": WHOLE["progressive"], "restarts": WHOLE["restart markers"]}

outcome = outcomes_of(walk_jpeg)


@pytest.mark.parametrize("content", WHOLE.values(), ids=WHOLE.keys())
def test_picture_that_a_decoder_reads_is_accepted_with_its_size(content: bytes) -> None:
    found = walk_jpeg(content, USUAL)
    assert (found.width, found.height) == opened_size(content)


@pytest.mark.parametrize("content", WHOLE.values(), ids=WHOLE.keys())
def test_segments_go_from_the_start_marker_to_the_end_marker(content: bytes) -> None:
    segments = walk_jpeg(content, USUAL).segments
    for part in segments:
        assert content[part.start : part.start + 2] == bytes([0xFF, part.marker])
    assert [segments[0].start, segments[0].end] == [0, 2]
    assert content[segments[-1].start : segments[-1].end] == EOI
    gaps = [content[before.end : after.start] for before, after in pairwise(segments)]
    is_untidy = content in (WHOLE["fill bytes"], WHOLE["something between segments"])
    assert bool(b"".join(gaps)) == is_untidy


def test_bytes_after_the_end_marker_are_not_segments() -> None:
    for name in "several pictures", "something after it":
        end = walk_jpeg(WHOLE[name], USUAL).segments[-1].end
        assert end < len(WHOLE[name])
        assert opened_size(WHOLE[name][:end]) == SIZE


@pytest.mark.parametrize("kind", ["baseline", "progressive"])
def test_scans_are_counted_and_limited(kind: str) -> None:
    count = len(re.findall(b"\xff\xda", WHOLE[kind]))
    assert count == (1 if kind == "baseline" else 10)
    assert walk_jpeg(WHOLE[kind], USUAL).scans == count
    exact = replace(USUAL, max_scans=count)
    assert walk_jpeg(WHOLE[kind], exact).scans == count
    with pytest.raises(TooManyScans, match=f"more than {count} scans"):
        walk_jpeg(WHOLE[kind][:-2] + SCAN + EOI, exact)


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
def test_file_cut_off_anywhere_is_truncated(content: bytes) -> None:
    whole = walk_jpeg(content, USUAL).segments[-1].end
    for length in range(2, whole):
        assert isinstance(outcome(content[:length]), Truncated), length


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF], ids=hex)
def test_damaged_byte_is_refused_with_a_reason_or_harmless(content: bytes, flip: int) -> None:
    found = [outcome(damaged) for damaged in each_byte_changed(content, flip)]
    assert {type(result) for result in found} >= {Jpeg, Corrupt, Truncated}


@given(st.binary(max_size=400))
def test_random_bytes_after_a_start_marker_are_refused_with_a_reason(rest: bytes) -> None:
    assert isinstance(outcome(SOI + rest), AnswerError | Jpeg)


@given(st.lists(st.sampled_from([FRAME, SCAN, EOI, SOI, b"\xff", b"\0", segment(0xFE, b"x"), b"\xff\xd3"]), max_size=9))
def test_segments_in_any_order_are_refused_with_a_reason_or_have_a_frame_and_an_end(parts: list[bytes]) -> None:
    found = outcome(SOI + b"".join(parts))
    if isinstance(found, Jpeg):
        assert (found.width, found.height) == SIZE
        assert found.segments[-1].marker == 0xD9
    else:
        assert isinstance(found, Corrupt | Truncated)


CORRUPT = {
    "nothing": (b"", "does not begin with a start marker"),
    "another type": (b"\x89PNG", "does not begin with a start marker"),
    "no frame": (SOI + EOI, "no frame header"),
    "scan first": (SOI + SCAN + FRAME + EOI, "a scan before its frame header"),
    "two frames": (SOI + FRAME + FRAME + SCAN + EOI, "two frame headers"),
    "picture in a picture": (SOI + FRAME + SOI + EOI, "second start marker"),
    "short frame": (SOI + segment(0xC0, b"\x08\0\x29\0\x49") + EOI, "frame header is too short"),
    "length of one": (SOI + b"\xff\xe0\0\1" + EOI, "claims a length of 1"),
    "no height": (SOI + segment(0xC0, struct.pack(">BHHB", 8, 0, 73, 1)) + EOI, "73 x 0 pixels"),
    "no width": (SOI + segment(0xC0, struct.pack(">BHHB", 8, 41, 0, 1)) + EOI, "0 x 41 pixels"),
    "endless segments": (SOI + segment(0xFE, b"") * MAX_SEGMENTS + FRAME + SCAN + EOI, "more than 2000 segments"),
}


@pytest.mark.parametrize(("content", "reason"), CORRUPT.values(), ids=CORRUPT.keys())
def test_invalid_file_is_corrupt(content: bytes, reason: str) -> None:
    with pytest.raises(Corrupt, match=reason):
        walk_jpeg(content, USUAL)


def resized(content: bytes, width: int, height: int) -> bytes:
    """Return the JPEG with another size in its frame header."""
    at = content.index(b"\xff\xc0") + 5
    return content[:at] + struct.pack(">HH", height, width) + content[at + 4 :]


def test_size_that_needs_more_data_is_truncated() -> None:
    with pytest.raises(Truncated, match=r"has at least 93750 bytes of data; this one has \d+"):
        walk_jpeg(resized(saved("JPEG"), 12_000, 4_000), USUAL)


def test_arithmetic_coder_may_need_almost_no_data() -> None:
    frame = segment(0xC9, struct.pack(">BHHB", 8, 4_000, 12_000, 1) + b"\1\x11\0")
    assert walk_jpeg(SOI + frame + SCAN + EOI, USUAL).width == 12_000


def test_size_beyond_a_limit_is_refused_before_the_data_is_read() -> None:
    with pytest.raises(TooManyPixels):
        walk_jpeg(resized(saved("JPEG"), 12_800, 4_000)[:700], USUAL)


@pytest.mark.parametrize("filling", [b"\xff", b"\xff\0", b"\xff\xd0"], ids=["fill bytes", "stuffed zeros", "restarts"])
def test_megabytes_without_meaning_are_skipped_in_linear_time(filling: bytes) -> None:
    # With a repetition in the pattern the first one would take hours.
    content = SOI + FRAME + SCAN + filling * (2**22 // len(filling)) + EOI
    assert walk_jpeg(content, USUAL).segments[-1].end == len(content)
