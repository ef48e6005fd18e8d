"""The frames of animated AVIF files: their places, sizes and number."""

import io
import struct
from dataclasses import replace

import pytest
from PIL import Image, ImageSequence

from authsvc.errors import Corrupt, TooManyFrames, TooManyPixels, Truncated
from authsvc.imaging.avif.walk import Avif, walk_avif
from tests.support.imaging.avif_files import box, film, stream
from tests.support.imaging.real_pictures import PICTURES, SIZE, opened_size
from tests.support.imaging.walking import outcomes_of
from tests.support.limits import USUAL

ANIMATED = PICTURES["AVIF, animated"][1]

outcome = outcomes_of(walk_avif)


def _patched(content: bytes, kind: bytes, at: int, value: bytes) -> bytes:
    """Return a file with other bytes at a place in a box, counted from the end of its type."""
    start = content.index(kind) + 4 + at
    return content[:start] + value + content[start + len(value) :]


@pytest.mark.parametrize(
    ("kind", "at"), [(b"tkhd", 88), (b"stsd", 8 + 8 + 24)], ids=["its header", "its description of frames"]
)
def test_size_that_only_a_track_declares_counts(kind: bytes, at: int) -> None:
    content = ANIMATED
    assert content[content.index(kind) + 4 + at :].startswith(struct.pack(">H", SIZE[0]))
    with pytest.raises(TooManyPixels, match="20000 x"):
        walk_avif(_patched(content, kind, at, struct.pack(">H", 20_000)), USUAL)


@pytest.mark.parametrize("handler", [b"soun", b"meta", bytes(4)], ids=["sound", "metadata", "none"])
def test_track_of_av1_counts_with_any_handler(handler: bytes) -> None:
    at = ANIMATED.rindex(b"hdlr")
    named = ANIMATED[:at] + _patched(ANIMATED[at:], b"hdlr", 8, handler)
    # What libavif reads.
    with Image.open(io.BytesIO(named)) as image:
        assert len(list(ImageSequence.Iterator(image))) == 4
    assert walk_avif(named, USUAL).tracks == walk_avif(ANIMATED, USUAL).tracks
    with pytest.raises(TooManyPixels, match="20000 x"):
        walk_avif(_patched(named, b"tkhd", 88, struct.pack(">H", 20_000)), USUAL)
    # Without AV1 the track is ignored.
    assert not walk_avif(_patched(named, b"stsd", 8 + 4, b"mp4a"), USUAL).tracks


@pytest.mark.parametrize("is_first", [True, False], ids=["first", "last"])
def test_stream_of_a_frame_beyond_the_limit_is_refused_also_when_the_track_declares_less(*, is_first: bool) -> None:
    content, large = ANIMATED, stream((1100, 900))
    (track,) = walk_avif(content, USUAL).tracks
    frames = [content[place.start : place.stop] for place in track.samples]
    frames[0 if is_first else -1] = large
    sizes = struct.pack(f">{len(frames)}I", *map(len, frames))
    moved = _patched(content, b"stsz", 12, sizes) + box(b"mdat", *frames)
    moved = _patched(moved, b"stco", 8, struct.pack(">I", len(content) + 8))
    assert isinstance(outcome(moved), Avif)
    with pytest.raises(TooManyPixels, match="1100 x 900"):
        walk_avif(moved, replace(USUAL, max_side=1000))
    # Each frame counts with that size.
    with pytest.raises(TooManyFrames, match="max_animation_pixels"):
        walk_avif(moved, replace(USUAL, max_animation_pixels=1100 * 900 * 3 - 1))


def test_track_without_a_sequence_header_is_corrupt_and_one_without_frames_is_ignored() -> None:
    content = ANIMATED + box(b"mdat", bytes(500))
    moved = _patched(content, b"stco", 8, struct.pack(">I", len(content) - 400))
    with pytest.raises(Corrupt, match="a track of it has no sequence header"):
        walk_avif(moved, USUAL)
    empty = _patched(content, b"stsz", 8, bytes(4))
    assert opened_size(empty.replace(b"ftypavis", b"ftypavif")) == SIZE
    assert walk_avif(empty, USUAL).tracks[0].frames == 0


def test_frame_after_the_last_box_is_corrupt() -> None:
    content = ANIMATED
    moved = _patched(content, b"stco", 8, struct.pack(">I", len(content) + 4)) + b"\xff" * 900
    with pytest.raises(Corrupt, match="a frame of it is after its last box"):
        walk_avif(moved, USUAL)


def test_frames_without_a_chunk_are_corrupt() -> None:
    content = _patched(ANIMATED, b"stsc", 12, struct.pack(">I", 1))
    with pytest.raises(Corrupt, match="it declares 4 frames and has the data of 1"):
        walk_avif(content, USUAL)


def test_moov_box_may_be_at_the_end() -> None:
    content = film(ANIMATED)
    assert walk_avif(content, USUAL).tracks == walk_avif(ANIMATED, USUAL).tracks
    assert opened_size(content) == SIZE


def test_limits_of_animations_apply() -> None:
    content = ANIMATED
    for limits in (replace(USUAL, max_frames=2), replace(USUAL, max_animation_pixels=SIZE[0] * SIZE[1] * 2)):
        with pytest.raises(TooManyFrames):
            walk_avif(content, limits)
    (track,) = walk_avif(content, USUAL).tracks
    with Image.open(io.BytesIO(content)) as image:
        assert track.frames == getattr(image, "n_frames", 1)


def test_frames_that_are_cut_off_are_truncated() -> None:
    content = ANIMATED
    at = content.index(b"stco") + 12
    moved = content[:at] + struct.pack(">I", len(content) - 9) + content[at + 4 :]
    assert isinstance(outcome(moved), Truncated)
