"""AVIF files that are whole, cut off, spoilt, or lie."""

import io
import random
import struct
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from authsvc.errors import AnswerError, Corrupt, TooManyFrames, TooManyPixels, Truncated
from authsvc.imaging.avif import Avif, walk_avif
from authsvc.imaging.avif_items import MAX_EXTENTS, MAX_ITEMS
from authsvc.imaging.inspect import inspect
from authsvc.imaging.isobmff import MAX_BOXES
from authsvc.model import ImageType
from tests.limits import USUAL
from tests.unit.avif_files import File, Made, box, full, grid, picture_item
from tests.unit.real_pictures import PICTURES, SIZE, opened_size, saved
from tests.unit.walking import each_byte_spoilt, outcomes_of

AVIFS = {name: content for name, (kind, content) in PICTURES.items() if kind is ImageType.AVIF}
MADE = {
    "one picture": File([picture_item(SIZE)]),
    "data in the meta box": File([picture_item(SIZE)], in_idat=True),
    "places without methods": File([picture_item(SIZE)], iloc_version=0),
    "four tiles": grid(2, 2, (100, 90), (64, 64)),
    "boxes between": File([picture_item(SIZE)], behind_meta=box(b"free", bytes(99)) + box(b"uuid", bytes(40))),
    "an unknown item": File([picture_item(SIZE), Made(b"what", b"data")]),
}
WHOLE = {**AVIFS, **{name: made.to_bytes() for name, made in MADE.items()}}

outcome = outcomes_of(walk_avif)


@pytest.mark.parametrize("content", WHOLE.values(), ids=WHOLE.keys())
def test_picture_that_a_decoder_reads_is_taken_with_its_size(content: bytes) -> None:
    found = walk_avif(content, USUAL)
    assert (found.width, found.height) == opened_size(content)
    assert found.end == len(content)


def test_last_box_may_say_that_it_reaches_to_the_end() -> None:
    content = File([picture_item(SIZE)]).to_bytes()
    at = content.index(b"mdat") - 4
    endless = content[:at] + bytes(4) + content[at + 4 :]
    assert opened_size(endless) == SIZE
    assert walk_avif(endless, USUAL).end == len(endless)


def test_box_may_have_a_large_size() -> None:
    content = File([picture_item(SIZE)], behind_meta=bytes(8)).to_bytes()
    at = content.index(b"mdat") - 12
    # The eight bytes before it move behind its type.
    size = len(content) - at
    large = content[:at] + struct.pack(">I4sQ", 1, b"mdat", size) + content[at + 16 :]
    assert opened_size(large) == SIZE
    assert walk_avif(large, USUAL).end == len(large)


@pytest.mark.parametrize("turns", range(4))
def test_picture_that_is_turned_is_as_wide_as_it_is_shown(turns: int) -> None:
    content = File([picture_item(SIZE, box(b"irot", bytes([turns])))]).to_bytes()
    assert walk_avif(content, USUAL).turns == turns
    found = inspect(content, ImageType.AVIF, USUAL, strips=True)
    assert (found.width, found.height) == (SIZE[::-1] if turns % 2 else SIZE)


@pytest.mark.parametrize("content", WHOLE.values(), ids=WHOLE.keys())
def test_picture_cut_anywhere_is_refused(content: bytes) -> None:
    lengths = sorted({len(content) * percent // 100 for percent in range(100)} | {len(content) - 1})
    found = {length: outcome(content[:length]) for length in lengths}
    assert {type(result) for result in found.values()} <= {Corrupt, Truncated}
    # Once the boxes about it are whole, it is known to be cut off.
    assert isinstance(found[len(content) - 1], Truncated)


@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
@pytest.mark.parametrize("name", ["AVIF, alpha", "AVIF, animated", "four tiles"])
def test_spoilt_byte_is_refused_or_harmless(name: str, flip: int) -> None:
    content = WHOLE[name][:1200]
    rest = WHOLE[name][1200:]
    for spoilt in each_byte_spoilt(content, flip):
        assert isinstance(outcome(spoilt + rest), (Avif, AnswerError))


@settings(deadline=None, max_examples=300)
@given(seed=st.integers(0, 2**32), name=st.sampled_from(sorted(WHOLE)))
def test_many_spoilt_bytes_are_refused_or_harmless(seed: int, name: str) -> None:
    shade = random.Random(seed)
    spoilt = bytearray(WHOLE[name])
    for _ in range(shade.randrange(1, 12)):
        spoilt[shade.randrange(min(len(spoilt), 900))] = shade.randrange(256)
    assert isinstance(outcome(bytes(spoilt)), (Avif, AnswerError))


@pytest.mark.parametrize(
    ("made", "error"),
    [
        (File([picture_item(SIZE, said=(20_000, 9))]), TooManyPixels),
        (File([picture_item(SIZE, said=(6000, 6000))]), TooManyPixels),
        (File([picture_item(SIZE), picture_item(SIZE, said=(6000, 6000))]), TooManyPixels),
        (grid(2, 2, (60_000, 9), (64, 64)), TooManyPixels),
        (grid(2, 2, (200, 90), (64, 64)), Corrupt),
        (grid(2, 2, (100, 90), (64, 64), tiles=3), Corrupt),
        (File([Made(b"grid", b"\0\0", (MADE["one picture"].items[0].properties[0],))]), Truncated),
        (File([Made(b"av01", b"", MADE["one picture"].items[0].properties)]), Truncated),
        (File([Made(b"av01", b"no stream at all", MADE["one picture"].items[0].properties)]), Corrupt),
        (File([Made(b"hvc1", b"data", MADE["one picture"].items[0].properties)]), Corrupt),
        (File([Made(b"av01", b"data")]), Corrupt),
        (File([picture_item(SIZE, said=(0, 9))]), Corrupt),
        (File([picture_item(SIZE)], overlap={1: (10, 10**6)}), Truncated),
    ],
    ids=[
        "a side beyond the limit",
        "pixels beyond the limit",
        "another picture beyond the limit",
        "tiles beyond the limit",
        "tiles too small",
        "a tile missing",
        "no description of tiles",
        "no data",
        "data that is no stream",
        "another codec",
        "no size",
        "no width",
        "data behind the end",
    ],
)
def test_picture_that_lies_is_refused(made: File, error: type[AnswerError]) -> None:
    assert type(outcome(made.to_bytes())) is error


def test_stream_beyond_the_limit_is_refused_whatever_the_file_says() -> None:
    large = picture_item((1100, 900))
    content = File([replace(large, properties=picture_item(SIZE).properties)]).to_bytes()
    with pytest.raises(TooManyPixels, match="1100 x 900"):
        walk_avif(content, replace(USUAL, max_side=1000))
    assert walk_avif(content, USUAL).width == SIZE[0]


def test_limits_of_animations_hold() -> None:
    content = AVIFS["AVIF, animated"]
    for limits in (replace(USUAL, max_frames=2), replace(USUAL, max_animation_pixels=SIZE[0] * SIZE[1] * 2)):
        with pytest.raises(TooManyFrames):
            walk_avif(content, limits)
    (track,) = walk_avif(content, USUAL).tracks
    with Image.open(io.BytesIO(content)) as image:
        assert track.frames == getattr(image, "n_frames", 1)


def test_frames_that_are_cut_off_are_missed() -> None:
    content = AVIFS["AVIF, animated"]
    at = content.index(b"stco") + 12
    moved = content[:at] + struct.pack(">I", len(content) - 9) + content[at + 4 :]
    assert isinstance(outcome(moved), Truncated)


def _meta(*parts: bytes) -> bytes:
    return box(b"ftyp", b"avif", bytes(4), b"avif") + full(b"meta", *parts)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (_meta(*[box(b"free")] * (MAX_BOXES + 1)), f"more than {MAX_BOXES} others"),
        (box(b"ftyp", b"avif", bytes(4), b"avif") + box(b"free") * MAX_BOXES, f"more than {MAX_BOXES} boxes"),
        (
            _meta(
                full(b"pitm", b"\0\1"), full(b"iinf", struct.pack(">I", 2**31), version=1), full(b"iloc"), box(b"iprp")
            ),
            f"the limit is {MAX_ITEMS}",
        ),
        (
            _meta(
                full(b"pitm", b"\0\1"),
                full(b"iinf", b"\0\0"),
                full(b"iloc", b"\0\0\0\1", struct.pack(">HHH", 1, 0, 65_535)),
                box(b"iprp"),
            ),
            f"more than {MAX_EXTENTS} pieces",
        ),
        (
            _meta(
                full(b"pitm", b"\0\1"),
                full(b"iinf", b"\0\0"),
                full(b"iloc", b"\0\0\0\0"),
                box(b"iprp", box(b"ipco"), full(b"ipma", b"\xff\xff\xff\xff")),
            ),
            f"the limit is {MAX_ITEMS}",
        ),
    ],
    ids=["boxes in a box", "boxes in the file", "items", "pieces", "properties"],
)
def test_number_that_costs_time_is_refused_by_itself(content: bytes, said: str) -> None:
    found = outcome(content)
    assert isinstance(found, Corrupt)
    assert said in found.text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "does not begin with a box"),
        (bytes(40), "does not begin with its brands"),
        (box(b"free"), "does not begin with its brands"),
        (box(b"ftyp", b"avif"), "no meta box"),
        (_meta(), "no pitm box"),
        (_meta(b"\0\0\0\1"), "longer than what holds it"),
    ],
    ids=["nothing", "zeros", "another box", "no meta", "an empty meta", "half a box"],
)
def test_what_is_built_in_another_way_is_corrupt(content: bytes, said: str) -> None:
    found = outcome(content)
    assert isinstance(found, Corrupt)
    assert said in found.text


def test_what_follows_the_last_box_is_no_part_of_it() -> None:
    content = saved("AVIF")
    for more in (b"PK\3\4", b"<html>a page</html>", bytes(7), b"\xff\xff\xff\xffwhat"):
        assert walk_avif(content + more, USUAL).end == len(content)
