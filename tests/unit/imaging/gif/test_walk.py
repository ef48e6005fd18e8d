"""GIF files that are whole, cut off, damaged or hostile."""

import io
import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from authsvc.errors import AnswerError, Corrupt, TooManyFrames, TooManyPixels, Truncated
from authsvc.imaging.gif.walk import MAX_BLOCKS, MAX_SUB_BLOCKS, Gif, walk_gif
from tests.support.imaging.real_pictures import SIZE, opened_size, saved
from tests.support.imaging.walking import each_byte_changed, outcomes_of
from tests.support.limits import USUAL

TRAILER = b"\x3b"
COMMENT = b"\x21\xfe\x01a\0"


def screen(width: int = 73, height: int = 41, flags: int = 0) -> bytes:
    """Return a signature and a screen without a colour table."""
    return b"GIF89a" + struct.pack("<HHBBB", width, height, flags, 0, 0)


def frame(width: int = 73, height: int = 41, bits: int = 8, content: bytes = bytes(20)) -> bytes:
    """Return a frame without a local colour table."""
    pieces = (content[at : at + 255] for at in range(0, len(content), 255))
    data = b"".join(bytes([len(piece)]) + piece for piece in pieces) + b"\0"
    return struct.pack("<BHHHHBB", 0x2C, 0, 0, width, height, 0, bits) + data


def animated(count: int = 3, **options: object) -> bytes:
    """Return an animation."""
    frames = [Image.effect_noise(SIZE, 10 + number) for number in range(count)]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], loop=0, **options)
    return file.getvalue()


WHOLE = {
    "87a": saved("GIF"),
    "two colours": saved("GIF", "1"),
    "interlaced": saved("GIF", interlace=1),
    "comment": saved("GIF", comment=b"not for everybody" * 20),
    "transparent": saved("GIF", "RGBA"),
    "animated": animated(),
    "animated with local colour tables": animated(disposal=2),
    "something after it": saved("GIF") + b"<script>1</script>",
}

outcome = outcomes_of(walk_gif)


@pytest.mark.parametrize("content", WHOLE.values(), ids=WHOLE.keys())
def test_picture_that_a_decoder_reads_is_accepted_with_its_size(content: bytes) -> None:
    found = walk_gif(content, USUAL)
    assert (found.width, found.height) == opened_size(content)


@pytest.mark.parametrize("content", WHOLE.values(), ids=WHOLE.keys())
def test_blocks_follow_each_other_up_to_the_trailer(content: bytes) -> None:
    blocks = walk_gif(content, USUAL).blocks
    assert [block.start for block in blocks[1:]] == [block.end for block in blocks[:-1]]
    assert all(content[block.start] == block.kind for block in blocks)
    assert content[blocks[-1].start : blocks[-1].end] == TRAILER
    assert (blocks[-1].end == len(content)) == (content != WHOLE["something after it"])


def test_frames_are_counted_and_limited() -> None:
    content = animated(5)
    with Image.open(io.BytesIO(content)) as image:
        assert walk_gif(content, replace(USUAL, max_frames=5)).frames == 5 == getattr(image, "n_frames", 1)
    with pytest.raises(TooManyFrames, match="5 frames"):
        walk_gif(content, replace(USUAL, max_frames=4))
    pixels = 5 * SIZE[0] * SIZE[1]
    assert walk_gif(content, replace(USUAL, max_animation_pixels=pixels)).frames == 5
    with pytest.raises(TooManyFrames, match="max_animation_pixels"):
        walk_gif(content, replace(USUAL, max_animation_pixels=pixels - 1))


def test_small_frame_counts_as_large_as_the_screen() -> None:
    content = screen(6_000, 6_000) + frame(1, 1) * 6 + TRAILER
    with pytest.raises(TooManyFrames, match="216 megapixels in its 6 frames"):
        walk_gif(content, USUAL)


@pytest.mark.parametrize("name", ["87a", "comment", "animated"])
def test_file_cut_off_anywhere_is_truncated(name: str) -> None:
    for length in range(6, len(WHOLE[name])):
        assert isinstance(outcome(WHOLE[name][:length]), Truncated), length


@pytest.mark.parametrize("name", ["87a", "comment", "animated"])
@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF], ids=hex)
def test_damaged_byte_is_refused_with_a_reason_or_harmless(name: str, flip: int) -> None:
    found = [outcome(damaged) for damaged in each_byte_changed(WHOLE[name], flip)]
    assert {type(result) for result in found} >= {Gif, Corrupt, Truncated}


@given(st.binary(max_size=400))
def test_random_bytes_after_a_signature_are_refused_with_a_reason(rest: bytes) -> None:
    assert isinstance(outcome(b"GIF89a" + rest), AnswerError | Gif)


@given(st.lists(st.sampled_from([frame(), frame(9, 9), COMMENT, TRAILER, b"\0", b"\x2c", b"\x21"]), max_size=8))
def test_blocks_in_any_order_are_refused_with_a_reason_or_have_a_frame_and_an_end(parts: list[bytes]) -> None:
    found = outcome(screen() + b"".join(parts))
    if isinstance(found, Gif):
        assert found.frames > 0
        assert found.blocks[-1].kind == TRAILER[0]


CORRUPT = {
    "nothing": (b"", "does not begin with a signature"),
    "a later year": (b"GIF90a" + bytes(20), "does not begin with a signature"),
    "no width": (screen(0, 41) + frame() + TRAILER, "0 x 41 pixels"),
    "no height": (screen(73, 0) + frame() + TRAILER, "73 x 0 pixels"),
    "no frame": (screen() + COMMENT + TRAILER, "no frame"),
    "frame of no width": (screen() + frame(0, 41) + TRAILER, "a frame has a size of 0 x 41 pixels"),
    "frame of no height": (screen() + frame(73, 0) + TRAILER, "a frame has a size of 73 x 0 pixels"),
    "codes of no bits": (screen() + frame(bits=0) + TRAILER, "codes begin with 0 bits"),
    "codes of twelve bits": (screen() + frame(bits=12) + TRAILER, "codes begin with 12 bits"),
    "unknown block": (screen() + frame() + b"\0" + TRAILER, "a block begins with 0x00"),
    "endless blocks": (screen() + b"\x21\xfe\0" * MAX_BLOCKS + frame() + TRAILER, "more than 100000 blocks"),
    "crumbs": (screen() + b"\x21\xfe" + b"\x01a" * MAX_SUB_BLOCKS + b"\0", "more than 500000 pieces"),
}


@pytest.mark.parametrize(("content", "reason"), CORRUPT.values(), ids=CORRUPT.keys())
def test_invalid_file_is_corrupt(content: bytes, reason: str) -> None:
    with pytest.raises(Corrupt, match=reason):
        walk_gif(content, USUAL)


def test_size_that_needs_more_data_is_truncated() -> None:
    with pytest.raises(Truncated, match=r"has at least 10984 bytes of data; this one has \d+"):
        walk_gif(screen() + frame(6_000, 5_000) + TRAILER, USUAL)


def test_most_compressible_picture_is_accepted() -> None:
    assert walk_gif(saved("GIF", "1", (7_000, 7_000)), USUAL).width == 7_000
    flat = io.BytesIO()
    Image.new("P", (8_000, 6_000)).save(flat, "GIF")
    assert walk_gif(flat.getvalue(), USUAL).width == 8_000


def test_screen_and_frame_beyond_a_limit_are_refused() -> None:
    for content in screen(12_800, 4_000), screen() + frame(12_800, 4_000) + TRAILER:
        with pytest.raises(TooManyPixels, match=r"51\.2 megapixels"):
            walk_gif(content, USUAL)
