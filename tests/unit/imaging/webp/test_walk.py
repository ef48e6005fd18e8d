"""WebP files that are whole, cut off, damaged or hostile."""

import io
import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from authsvc.errors import AnswerError, Corrupt, TooManyFrames, TooManyPixels, Truncated
from authsvc.imaging.webp.walk import MAX_CHUNKS, MAX_FRAME_CHUNKS, Webp, walk_webp
from authsvc.model import ImageType
from tests.support.imaging.real_pictures import PICTURES, SIZE, opened_size, saved, smallest_webp
from tests.support.imaging.walking import each_byte_changed, outcomes_of
from tests.support.limits import USUAL

LOSSY = saved("WEBP")[20:]
LOSSLESS = saved("WEBP", lossless=True)[20:]


def chunk(name: bytes, content: bytes = b"") -> bytes:
    """Return a WebP chunk."""
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def webp(*chunks: bytes) -> bytes:
    """Return a WebP of these chunks."""
    content = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(content)) + content


def number(value: int) -> bytes:
    """Return 24 bits."""
    return value.to_bytes(3, "little")


def canvas(width: int = 73, height: int = 41, flags: int = 0) -> bytes:
    """Return a VP8X chunk; flag 2 means an animation."""
    return chunk(b"VP8X", bytes([flags, 0, 0, 0]) + number(width - 1) + number(height - 1))


def frame(*chunks: bytes, left: int = 0, width: int = 73, height: int = 41) -> bytes:
    """Return a frame of an animation; `left` is in units of two pixels."""
    head = number(left) + number(0) + number(width - 1) + number(height - 1) + number(100) + b"\0"
    return chunk(b"ANMF", head + b"".join(chunks))


def animated() -> bytes:
    """Return an animation of four frames."""
    frames = [Image.effect_noise(SIZE, 10 + shade).convert("RGB") for shade in range(4)]
    file = io.BytesIO()
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:], loop=0)
    return file.getvalue()


WHOLE = {
    **{name: content for name, (kind, content) in PICTURES.items() if kind is ImageType.WEBP},
    "four different frames": animated(),
    "something after it": saved("WEBP") + b"<script>1</script>",
    "length that was not made even": saved("WEBP", xmp=b"odd", icc_profile=b"x"),
}
PICTURE = chunk(b"VP8 ", LOSSY)
ANIMATION = chunk(b"ANIM", bytes(6))

outcome = outcomes_of(walk_webp)


@pytest.mark.parametrize("content", WHOLE.values(), ids=WHOLE.keys())
def test_picture_that_a_decoder_reads_is_accepted_with_its_size(content: bytes) -> None:
    found = walk_webp(content, USUAL)
    assert (found.width, found.height) == opened_size(content) == SIZE


def test_smallest_picture_is_accepted() -> None:
    assert walk_webp(smallest_webp(), USUAL).width == 1


@pytest.mark.parametrize("content", WHOLE.values(), ids=WHOLE.keys())
def test_chunks_cover_the_file_from_its_header_to_its_end(content: bytes) -> None:
    chunks = walk_webp(content, USUAL).chunks
    whole = webp(*(chunk(part.name, content[part.start : part.end]) for part in chunks))
    assert content.startswith(whole)
    assert (whole == content) == (content != WHOLE["something after it"])


def test_frames_are_counted_and_limited() -> None:
    content = WHOLE["four different frames"]
    assert walk_webp(content, replace(USUAL, max_frames=4)).frames == 4
    with pytest.raises(TooManyFrames, match="4 frames"):
        walk_webp(content, replace(USUAL, max_frames=3))
    pixels = 4 * SIZE[0] * SIZE[1]
    assert walk_webp(content, replace(USUAL, max_animation_pixels=pixels)).frames == 4
    with pytest.raises(TooManyFrames, match="max_animation_pixels"):
        walk_webp(content, replace(USUAL, max_animation_pixels=pixels - 1))


@pytest.mark.parametrize("content", WHOLE.values(), ids=WHOLE.keys())
def test_file_cut_off_anywhere_is_truncated(content: bytes) -> None:
    whole = walk_webp(content, USUAL).chunks[-1].end
    for length in range(12, whole):
        assert isinstance(outcome(content[:length]), Truncated), length


@pytest.mark.parametrize("content", WHOLE.values(), ids=WHOLE.keys())
@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF], ids=hex)
def test_damaged_byte_is_refused_with_a_reason_or_harmless(content: bytes, flip: int) -> None:
    found = [outcome(damaged) for damaged in each_byte_changed(content, flip)]
    assert {type(result) for result in found} >= {Webp, Corrupt}


@given(st.binary(max_size=400))
def test_random_bytes_after_a_header_are_refused_with_a_reason(rest: bytes) -> None:
    assert isinstance(outcome(webp(rest)), AnswerError | Webp)


PARTS = [canvas(), canvas(flags=2), ANIMATION, PICTURE, frame(PICTURE), frame(), chunk(b"ALPH", b"\0"), chunk(b"EXIF")]


@given(st.lists(st.sampled_from(PARTS), max_size=6))
def test_chunks_in_any_order_are_refused_with_a_reason_or_have_their_size(parts: list[bytes]) -> None:
    found = outcome(webp(*parts))
    if isinstance(found, Webp):
        assert (found.width, found.height) == SIZE
    else:
        assert isinstance(found, Corrupt)


def damaged(content: bytes, at: int, value: bytes) -> bytes:
    """Return the content with other bytes at a place."""
    return content[:at] + value + content[at + len(value) :]


CORRUPT = {
    "nothing": (b"", "does not begin with a RIFF header"),
    "a sound": (b"RIFF\4\0\0\0WAVE", "does not begin with a RIFF header"),
    "no chunk": (webp(), "it has no chunk"),
    "another chunk first": (webp(chunk(b"EXIF"), PICTURE), "first chunk is not VP8, VP8L or VP8X"),
    "short canvas": (webp(chunk(b"VP8X", bytes(8)), PICTURE), "first chunk is not VP8, VP8L or VP8X"),
    "canvas without a picture": (webp(canvas()), "it has 0 pictures"),
    "two pictures": (webp(canvas(), PICTURE, PICTURE), "it has 2 pictures"),
    "picture of another size": (webp(canvas(74, 41), PICTURE), "another size than its canvas"),
    "animation without frames": (webp(canvas(flags=2), ANIMATION, PICTURE), "animation has no frames"),
    "animation without its chunk": (webp(canvas(flags=2), frame(PICTURE)), "animation has no frames"),
    "short frame": (webp(canvas(flags=2), ANIMATION, chunk(b"ANMF", bytes(15))), "a frame of it is too short"),
    "frame beyond its canvas": (webp(canvas(flags=2), ANIMATION, frame(PICTURE, left=1)), "beyond its canvas"),
    "frame of another size": (webp(canvas(flags=2), ANIMATION, frame(PICTURE, height=9)), "another size than"),
    "frame without a picture": (webp(canvas(flags=2), ANIMATION, frame()), "it has 0 pictures"),
    "longer than its file": (webp(PICTURE, b"EXIF\xff\0\0\0"), "is longer than what holds it"),
    "bytes after the last chunk": (webp(PICTURE, b"abc"), "bytes after its last chunk"),
    "no key frame": (webp(chunk(b"VP8 ", damaged(LOSSY, 0, bytes([LOSSY[0] | 1])))), "with a key frame"),
    "no start code": (webp(chunk(b"VP8 ", damaged(LOSSY, 3, b"\0"))), "with a key frame"),
    "short picture": (webp(chunk(b"VP8 ", LOSSY[:9])), "with a key frame"),
    "partition beyond the picture": (webp(chunk(b"VP8 ", damaged(LOSSY, 1, b"\xff\xff"))), "shorter than it declares"),
    "lossy of no width": (webp(chunk(b"VP8 ", damaged(LOSSY, 6, b"\0\0"))), "0 x 41 pixels"),
    "lossy of no height": (webp(chunk(b"VP8 ", damaged(LOSSY, 8, b"\0\0"))), "73 x 0 pixels"),
    "no signature": (webp(chunk(b"VP8L", damaged(LOSSLESS, 0, b"\0"))), "with its signature"),
    "later version": (webp(chunk(b"VP8L", damaged(LOSSLESS, 4, b"\xff"))), "with its signature"),
    "short lossless picture": (webp(chunk(b"VP8L", LOSSLESS[:4])), "with its signature"),
    "endless chunks": (webp(canvas(), PICTURE, chunk(b"junk") * MAX_CHUNKS), "more than 50000 chunks"),
    "endless chunks in a frame": (
        webp(canvas(flags=2), ANIMATION, frame(PICTURE, chunk(b"junk") * MAX_FRAME_CHUNKS)),
        "more than 100 chunks",
    ),
}


@pytest.mark.parametrize(("content", "reason"), CORRUPT.values(), ids=CORRUPT.keys())
def test_invalid_file_is_corrupt(content: bytes, reason: str) -> None:
    with pytest.raises(Corrupt, match=reason):
        walk_webp(content, USUAL)


def test_size_beyond_a_limit_is_refused() -> None:
    lossy = chunk(b"VP8 ", damaged(LOSSY, 6, struct.pack("<HH", 12_800, 4_000)))
    for content in webp(canvas(12_800, 4_000)), webp(lossy):
        with pytest.raises(TooManyPixels, match=r"51\.2 megapixels"):
            walk_webp(content, USUAL)
