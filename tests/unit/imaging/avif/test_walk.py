"""AVIF files that are whole, cut off, damaged or hostile."""

import random
import struct
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authsvc.errors import AnswerError, Corrupt, TooManyPixels, Truncated
from authsvc.imaging.avif.av1 import MAX_HEADERS, MAX_UNITS
from authsvc.imaging.avif.boxes import MAX_BOXES
from authsvc.imaging.avif.items import MAX_ASSOCIATIONS, MAX_EXTENTS, MAX_ITEMS, MAX_REFERENCES
from authsvc.imaging.avif.walk import Avif, walk_avif
from authsvc.imaging.inspection import inspect
from authsvc.model import ImageType
from tests.support.corpus.pictures import VALID
from tests.support.imaging.avif_files import MADE, File, Made, box, film, full, grid, picture_item, stream
from tests.support.imaging.real_pictures import PICTURES, SIZE, opened_size, saved
from tests.support.imaging.walking import each_byte_changed, outcomes_of
from tests.support.imaging.worst.avif import sequence_header
from tests.support.limits import USUAL

WHOLE = {name: content for name, (kind, content) in VALID.items() if kind is ImageType.AVIF}

TILES = grid(1, 2, (100, 60), (64, 64))

outcome = outcomes_of(walk_avif)


@pytest.mark.parametrize("content", WHOLE.values(), ids=WHOLE.keys())
def test_picture_that_a_decoder_reads_is_accepted_with_its_size(content: bytes) -> None:
    found = walk_avif(content, USUAL)
    assert (found.width, found.height) == opened_size(content)
    assert found.end == len(content)


def test_brand_may_be_a_compatible_one() -> None:
    content = File([picture_item(SIZE)], brand=b"mif1").to_bytes()
    with pytest.raises(Corrupt, match="does not begin with its brands"):
        walk_avif(content, USUAL)
    # After the major brand and four bytes of its version.
    compatible = content[:16] + b"avif" + content[20:]
    assert walk_avif(compatible, USUAL).width == opened_size(compatible)[0]


def test_last_box_may_reach_to_the_end_without_a_size() -> None:
    content = File([picture_item(SIZE)]).to_bytes()
    at = content.index(b"mdat") - 4
    endless = content[:at] + bytes(4) + content[at + 4 :]
    assert opened_size(endless) == SIZE
    assert walk_avif(endless, USUAL).end == len(endless)


def test_box_may_have_a_large_size() -> None:
    content = File([picture_item(SIZE)], after_meta=bytes(8)).to_bytes()
    at = content.index(b"mdat") - 12
    # The eight bytes before it move after its type.
    size = len(content) - at
    large = content[:at] + struct.pack(">I4sQ", 1, b"mdat", size) + content[at + 16 :]
    assert opened_size(large) == SIZE
    assert walk_avif(large, USUAL).end == len(large)


@pytest.mark.parametrize("turns", range(4))
def test_turned_picture_has_the_size_in_which_it_is_shown(turns: int) -> None:
    content = File([picture_item(SIZE, box(b"irot", bytes([turns])))]).to_bytes()
    assert walk_avif(content, USUAL).turns == turns
    found = inspect(content, ImageType.AVIF, USUAL, strips=True)
    assert (found.width, found.height) == (SIZE[::-1] if turns % 2 else SIZE)


@pytest.mark.parametrize("content", WHOLE.values(), ids=WHOLE.keys())
def test_picture_cut_anywhere_is_refused(content: bytes) -> None:
    lengths = sorted({len(content) * percent // 100 for percent in range(100)} | {len(content) - 1})
    found = {length: outcome(content[:length]) for length in lengths}
    assert {type(result) for result in found.values()} <= {Corrupt, Truncated}
    # Once the boxes that describe it are whole, it is known to be cut off.
    assert isinstance(found[len(content) - 1], Truncated)


@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
@pytest.mark.parametrize("name", ["AVIF, alpha", "AVIF, animated", "AVIF, made of boxes, four tiles"])
def test_damaged_byte_is_refused_or_harmless(name: str, flip: int) -> None:
    content = WHOLE[name][:1200]
    rest = WHOLE[name][1200:]
    for damaged in each_byte_changed(content, flip):
        assert isinstance(outcome(damaged + rest), (Avif, AnswerError))


@settings(deadline=None, max_examples=300)
@given(seed=st.integers(0, 2**32), name=st.sampled_from(sorted(WHOLE)))
def test_many_damaged_bytes_are_refused_or_harmless(seed: int, name: str) -> None:
    shade = random.Random(seed)
    damaged = bytearray(WHOLE[name])
    for _ in range(shade.randrange(1, 12)):
        damaged[shade.randrange(min(len(damaged), 900))] = shade.randrange(256)
    assert isinstance(outcome(bytes(damaged)), (Avif, AnswerError))


@pytest.mark.parametrize(
    ("made", "error"),
    [
        (File([picture_item(SIZE, declared=(20_000, 9))]), TooManyPixels),
        (File([picture_item(SIZE, declared=(6000, 6000))]), TooManyPixels),
        (File([picture_item(SIZE), picture_item(SIZE, declared=(6000, 6000))]), TooManyPixels),
        (grid(2, 2, (60_000, 9), (64, 64)), TooManyPixels),
        (File([Made(b"grid", b"\0\0", (MADE["one picture"].items[0].properties[0],))]), Truncated),
        (File([Made(b"av01", b"", MADE["one picture"].items[0].properties)]), Corrupt),
        (File([Made(b"av01", b"no stream at all", MADE["one picture"].items[0].properties)]), Corrupt),
        (File([Made(b"hvc1", b"data", MADE["one picture"].items[0].properties)]), Corrupt),
        (File([Made(b"av01", b"data")]), Corrupt),
        (File([picture_item(SIZE, declared=(0, 9))]), Corrupt),
        (File([picture_item(SIZE)], overlap={1: ((10, 10**6),)}), Truncated),
        (
            File([picture_item(SIZE)], in_idat=True, overlap={1: ((2, 10**6),)}, after=box(b"free", bytes(10**6))),
            Corrupt,
        ),
        (replace(TILES, items=[*TILES.items[:2], replace(TILES.items[2], kind=b"hvc1")]), Corrupt),
        (replace(TILES, items=[*TILES.items[:2], TILES.items[0]]), Corrupt),
        (grid(8, 8, (64, 64), (1000, 1000)), TooManyPixels),
    ],
    ids=[
        "a side beyond the limit",
        "pixels beyond the limit",
        "another picture beyond the limit",
        "tiles beyond the limit",
        "no description of tiles",
        "no data",
        "data that is not a stream",
        "another codec",
        "no size",
        "no width",
        "data after the end",
        "data after the box that holds it",
        "a tile of another codec",
        "a tile of tiles",
        "tiles that cover far more than the picture",
    ],
)
def test_picture_with_wrong_declarations_is_refused(made: File, error: type[AnswerError]) -> None:
    assert type(outcome(made.to_bytes())) is error


def test_stream_beyond_the_limit_is_refused_also_when_the_file_declares_less() -> None:
    large = picture_item((1100, 900))
    content = File([replace(large, properties=picture_item(SIZE).properties)]).to_bytes()
    with pytest.raises(TooManyPixels, match="1100 x 900"):
        walk_avif(content, replace(USUAL, max_side=1000))
    assert walk_avif(content, USUAL).width == SIZE[0]


def test_data_after_the_last_box_is_corrupt() -> None:
    plain = File([picture_item(SIZE)])
    data = plain.items[0].data
    after = replace(plain, after=b"\xff" * 4 + data, overlap={1: ((len(plain.to_bytes()) + 4, len(data)),)})
    with pytest.raises(Corrupt, match="after the box that holds it, or after the last box"):
        walk_avif(after.to_bytes(), USUAL)


def test_second_sequence_header_counts_as_well() -> None:
    small, large = picture_item(SIZE), stream((1100, 900))
    for data in (small.data + large, large + small.data):
        content = File([replace(small, data=data)], pieces=7).to_bytes()
        assert isinstance(outcome(content), Avif)
        with pytest.raises(TooManyPixels, match="1100 x 900"):
            walk_avif(content, replace(USUAL, max_side=1000))


@pytest.mark.parametrize("twice", [b"infe", b"ipma"])
def test_two_entries_for_one_item_are_refused(twice: bytes) -> None:
    content = File([picture_item(SIZE), Made(b"what", b"data")]).to_bytes()
    assert isinstance(outcome(content), Avif)
    at = content.index(twice) + (9 if twice == b"infe" else 17)
    # The number of the second item.
    second = content.index(b"\0\2", at)
    damaged = content[: second + 1] + b"\1" + content[second + 2 :]
    with pytest.raises(Corrupt, match="two entries for its item 1"):
        walk_avif(damaged, USUAL)


def _meta(*parts: bytes) -> bytes:
    return box(b"ftyp", b"avif", bytes(4), b"avif") + full(b"meta", *parts)


HANDLER = full(b"hdlr", bytes(4), b"pict", bytes(12), b"\0")
PRIMARY = full(b"pitm", b"\0\1")
NO_PLACES = full(b"iloc", b"\0\0\0\0")
NO_INFE = full(b"iinf", b"\0\0")
NO_PROPERTIES = box(b"iprp", box(b"ipco"))
NO_ITEMS = (HANDLER, PRIMARY, NO_INFE, NO_PLACES, NO_PROPERTIES)


def _properties(each: int, first: int) -> bytes:
    """Return the associations of 1,000 items with `each` properties, all of them number 0."""
    entries = b"".join(struct.pack(">HB", number, each) + bytes(each) for number in range(first, first + 1000))
    return full(b"ipma", struct.pack(">I", 1000), entries)


COSTLY = {
    "boxes in a box": (_meta(*[box(b"free")] * (MAX_BOXES + 1)), f"more than {MAX_BOXES} others"),
    "boxes in the file": (
        box(b"ftyp", b"avif", bytes(4), b"avif") + box(b"free") * MAX_BOXES,
        f"more than {MAX_BOXES} boxes",
    ),
    "items": (
        _meta(HANDLER, PRIMARY, full(b"iinf", struct.pack(">I", 2**31), version=1), NO_PLACES, NO_PROPERTIES),
        f"the limit is {MAX_ITEMS}",
    ),
    "places": (
        _meta(HANDLER, PRIMARY, NO_INFE, full(b"iloc", bytes(2), struct.pack(">I", 2**31), version=2), NO_PROPERTIES),
        f"the limit is {MAX_ITEMS}",
    ),
    "pieces": (
        _meta(
            HANDLER,
            PRIMARY,
            NO_INFE,
            full(b"iloc", b"\0\0\0\1", struct.pack(">HHH", 1, 0, 65_535)),
            NO_PROPERTIES,
        ),
        f"more than {MAX_EXTENTS} pieces",
    ),
    "items with properties": (
        _meta(*NO_ITEMS[:-1], box(b"iprp", box(b"ipco"), full(b"ipma", b"\xff\xff\xff\xff"))),
        f"the limit is {MAX_ITEMS}",
    ),
    "properties": (
        _meta(*NO_ITEMS[:-1], box(b"iprp", box(b"ipco"), _properties(60, 1))),
        f"more than {MAX_ASSOCIATIONS} properties",
    ),
    "items without properties": (
        _meta(*NO_ITEMS[:-1], box(b"iprp", box(b"ipco"), *(_properties(0, first * 1000) for first in range(51)))),
        f"more than {MAX_ASSOCIATIONS} properties",
    ),
    "lists of properties": (
        _meta(*NO_ITEMS[:-1], box(b"iprp", *[box(b"ipco", box(b"free") * MAX_BOXES)] * 2)),
        "2 lists of properties",
    ),
    "references": (
        _meta(*NO_ITEMS, full(b"iref", box(b"dimg", struct.pack(">HH", 1, 65_535), bytes(2 * 65_535)))),
        f"more than {MAX_REFERENCES} others",
    ),
    "units of a stream": (
        File([replace(picture_item(SIZE), data=b"\x12\0" * (MAX_UNITS + 1))]).to_bytes(),
        f"more than {MAX_UNITS} units",
    ),
    "sequence headers": (
        File([replace(picture_item(SIZE), data=b"".join(map(sequence_header, range(MAX_HEADERS + 1))))]).to_bytes(),
        f"more than {MAX_HEADERS} sequence headers",
    ),
    "boxes of a track": (
        film(PICTURES["AVIF, animated"][1], in_track=box(b"free") * 100),
        "more than 100 others",
    ),
}


@pytest.mark.parametrize(("content", "reason"), COSTLY.values(), ids=COSTLY.keys())
def test_each_number_that_costs_time_has_a_limit(content: bytes, reason: str) -> None:
    found = outcome(content)
    assert isinstance(found, Corrupt)
    assert reason in found.text


def test_limit_of_units_is_for_all_streams_of_a_file_together() -> None:
    # Each of 40 pictures has a sequence header, and then the same 2,000 units.
    units = picture_item(SIZE).data + b"\x12\0" * 2000
    first = File([replace(picture_item(SIZE), data=units)])
    assert isinstance(outcome(first.to_bytes()), Avif)
    many = replace(first, items=[*first.items, *[replace(first.items[0], data=b"")] * 39])
    start = many.to_bytes().index(units)
    content = replace(many, overlap={n: ((start, len(units)),) for n in range(2, 41)}).to_bytes()
    with pytest.raises(Corrupt, match=f"more than {MAX_UNITS} units"):
        walk_avif(content, USUAL)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "does not begin with a box"),
        (bytes(40), "does not begin with a box"),
        (box(b"free"), "does not begin with its brands"),
        (box(b"ftyp", b"heic", bytes(4), b"mif1", b"heic"), "does not begin with its brands"),
        (box(b"ftyp", b"avif"), "no meta box"),
        (_meta(), "no pitm box"),
        (_meta(b"\0\0\0\1"), "longer than what holds it"),
        (_meta(*NO_ITEMS, full(b"pitm", b"\0\1")), "two pitm boxes"),
        (_meta(*NO_ITEMS) + full(b"meta", *NO_ITEMS), "two meta boxes"),
        (_meta(*NO_ITEMS), "the item that it declares as its picture is missing"),
    ],
    ids=[
        "nothing",
        "zeros",
        "another box",
        "other brands",
        "no meta",
        "an empty meta",
        "half a box",
        "two primary items",
        "two meta boxes",
        "no items",
    ],
)
def test_invalid_structure_is_corrupt(content: bytes, reason: str) -> None:
    found = outcome(content)
    assert isinstance(found, Corrupt)
    assert reason in found.text


def test_bytes_after_the_last_box_do_not_belong_to_the_file() -> None:
    content = saved("AVIF")
    for more in (b"PK\3\4", b"<html>a page</html>", bytes(7), bytes(99), b"\xff\xff\xff\xffwhat"):
        assert walk_avif(content + more, USUAL).end == len(content)
