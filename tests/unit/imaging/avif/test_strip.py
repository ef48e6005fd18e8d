"""Private data in an AVIF is overwritten in place."""

import io
import random
import re
import tracemalloc
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageSequence

from authsvc.errors import AnswerError, Bomb, Corrupt
from authsvc.imaging.avif.walk import walk_avif
from authsvc.imaging.inspection import inspect
from authsvc.imaging.limits import MAX_PROFILE_BYTES
from authsvc.imaging.pieces import contents
from authsvc.model import ImageType
from tests.support.corpus.pictures import VALID
from tests.support.decoder.pool import made_by_libvips
from tests.support.imaging.avif_files import File, Made, box, film, full, picture_item
from tests.support.imaging.private_pictures import PROFILE_MARK, SECRET, exif
from tests.support.imaging.real_pictures import SIZE, opened_size, saved
from tests.support.limits import USUAL

XMP = b"<x:xmpmeta>Secret</x:xmpmeta>"
EXIF = Made(b"Exif", bytes(4) + exif())
PRIVATE = {
    "camera": saved("AVIF", exif=exif(), xmp=XMP, icc_profile=PROFILE_MARK * 9),
    "turned": saved("AVIF", exif=exif(6)),
    "animated": saved("AVIF", save_all=True, append_images=[Image.new("RGB", SIZE, "teal")], exif=exif(), xmp=XMP),
    "Exif in the meta box": File([picture_item(SIZE), EXIF], in_idat=True).to_bytes(),
    "other items": File(
        [picture_item(SIZE), Made(b"mime", SECRET, media_type=b"text/plain"), Made(b"uri ", SECRET)]
    ).to_bytes(),
    "Exif of a few bytes": File([picture_item(SIZE), Made(b"Exif", SECRET)]).to_bytes(),
    "other boxes": File(
        [picture_item(SIZE)], after_meta=box(b"free", SECRET) + box(b"uuid", bytes(16), SECRET) + box(b"prvt", SECRET)
    ).to_bytes(),
    "boxes about items": File(
        [
            picture_item(SIZE, box(b"uuid", bytes(16), SECRET), full(b"udes", b"en\0", SECRET), full(b"crtt", SECRET)),
        ],
        in_meta=box(b"uuid", bytes(16), SECRET) + full(b"xml ", SECRET) + box(b"free", SECRET),
    ).to_bytes(),
    "boxes about a film": film(
        saved("AVIF", save_all=True, append_images=[Image.new("RGB", SIZE, "teal")]),
        box(b"udta", box(b"\xa9xyz", SECRET)),
        full(b"meta", full(b"xml ", SECRET)),
        box(b"uuid", bytes(16), SECRET),
    ),
    "boxes about a track": film(
        saved("AVIF", save_all=True, append_images=[Image.new("RGB", SIZE, "teal")]),
        in_track=box(b"udta", SECRET)
        + full(b"meta", full(b"hdlr", bytes(4), b"pict", bytes(12), b"\0"), full(b"xml ", SECRET)),
    ),
    "data that nothing uses": File([picture_item(SIZE)], after=box(b"mdat", SECRET)).to_bytes(),
    "data before a picture": File([picture_item(SIZE)], after_meta=box(b"mdat", SECRET)).to_bytes(),
    "Exif in pieces of a few bytes": File([picture_item(SIZE), EXIF], pieces=30).to_bytes(),
    "zip after it": saved("AVIF") + b"PK\3\4Secret",
    "two items in one place": File([picture_item(SIZE), EXIF, Made(b"Exif", b"")]).to_bytes(),
}
WHOLE = {name: content for name, (kind, content) in VALID.items() if kind is ImageType.AVIF}
EVERYTHING = {**WHOLE, **PRIVATE}
CLEAN = {name: content for name, content in WHOLE.items() if not re.search("EXIF|boxes between", name)}


def stripped(content: bytes, *, strips: bool = True) -> bytes:
    return b"".join(contents(content, inspect(content, ImageType.AVIF, USUAL, strips=strips).pieces))


def seen(content: bytes) -> list[tuple[object, ...]]:
    with Image.open(io.BytesIO(content)) as image:
        profile, turned = image.info.get("icc_profile"), image.getexif().get(0x0112)
        return [
            (frame.mode, frame.size, frame.tobytes(), frame.info.get("duration"), profile, turned)
            for frame in ImageSequence.Iterator(image)
        ]


@pytest.mark.parametrize("content", PRIVATE.values(), ids=PRIVATE.keys())
def test_nothing_private_is_left(content: bytes) -> None:
    assert SECRET in content
    assert SECRET not in stripped(content)


@pytest.mark.parametrize("content", EVERYTHING.values(), ids=EVERYTHING.keys())
def test_everything_visible_is_unchanged(content: bytes) -> None:
    before, after = seen(content), seen(stripped(content))
    assert [frame[:5] for frame in after] == [frame[:5] for frame in before]
    # Pillow reports irot, and without it the orientation in Exif, which no program uses.
    assert after[0][5] in {before[0][5], None}


@pytest.mark.parametrize("content", EVERYTHING.values(), ids=EVERYTHING.keys())
def test_stripping_a_clean_file_changes_nothing(content: bytes) -> None:
    clean = stripped(content)
    assert inspect(clean, ImageType.AVIF, USUAL, strips=True).pieces == [range(len(clean))]


def test_turned_picture_is_still_turned_after_stripping() -> None:
    assert inspect(stripped(PRIVATE["turned"]), ImageType.AVIF, USUAL, strips=True).width == SIZE[1]


def test_without_the_option_to_strip_only_bytes_after_the_picture_are_removed() -> None:
    assert stripped(PRIVATE["zip after it"], strips=False) == saved("AVIF")
    assert stripped(PRIVATE["camera"], strips=False) == PRIVATE["camera"]


@pytest.mark.parametrize("length", [1, 40, 10_000], ids=["a byte", "a piece", "all of it"])
def test_metadata_that_overlaps_the_picture_is_refused(length: int) -> None:
    plain = File([picture_item(SIZE), Made(b"Exif", bytes(9))])
    start = plain.to_bytes().index(b"mdat") + 4
    data = len(plain.items[0].data)
    content = replace(plain, overlap={2: ((start + 3, min(length, data)),)}).to_bytes()
    with pytest.raises(Corrupt, match="metadata overlaps its picture"):
        inspect(content, ImageType.AVIF, USUAL, strips=True)
    # Without stripping it is harmless.
    assert stripped(content, strips=False) == content


@pytest.mark.parametrize("content", CLEAN.values(), ids=CLEAN.keys())
def test_picture_without_metadata_is_unchanged(content: bytes) -> None:
    assert inspect(content, ImageType.AVIF, USUAL, strips=True).pieces == [range(len(content))]


def test_libvips_sees_the_same_pixels(tmp_path: Path) -> None:
    paths = []
    for number, content in enumerate(EVERYTHING.values()):
        for suffix, written in ((".before", content), (".after", stripped(content))):
            path = (tmp_path / str(number)).with_suffix(suffix)
            path.write_bytes(written)
            paths.append(str(path))
    program = f"b' '.join(str(hash(bytes(pyvips.Image.heifload(path).write_to_memory()))).encode() for path in {paths})"
    found = made_by_libvips(program).split()
    assert found[::2] == found[1::2]
    assert len(set(found)) > 3


@pytest.mark.parametrize("size", [12, 17, 18, 19], ids="{} bytes of Exif".format)
def test_picture_whose_exif_is_short_can_still_be_read(size: int) -> None:
    exif = (bytes(4) + b"II*\0\x08\0\0\0\0\0Secret")[:size].ljust(size, b"\0")
    content = File([picture_item(SIZE), Made(b"Exif", exif, refers=((b"cdsc", (1,)),))]).to_bytes()
    # A program may warn about Exif that is cut off, as it did before.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert opened_size(stripped(content)) == opened_size(content) == SIZE


def test_metadata_beyond_its_box_of_data_is_refused() -> None:
    plain = File([picture_item(SIZE), Made(b"uri ", SECRET)], after=box(b"mdat", SECRET))
    place = (plain.to_bytes().index(SECRET) + 1, len(SECRET) + 8)
    with pytest.raises(Corrupt, match="metadata is outside its boxes of data"):
        inspect(replace(plain, overlap={2: (place,)}).to_bytes(), ImageType.AVIF, USUAL, strips=True)


@pytest.mark.parametrize("pieces", [1, 3, 20], ids="{} pieces".format)
@pytest.mark.parametrize(
    ("item", "left"),
    [
        (Made(b"Exif", bytes(4) + b"MM\0*" + SECRET * 9), b"\0\0\0\0II*\0\x08".ljust(62, b"\0")),
        (Made(b"mime", SECRET, media_type=b"application/rdf+xml"), b" " * 6),
        (Made(b"mime", SECRET, media_type=b"text/plain"), bytes(6)),
        (Made(b"uri ", SECRET), bytes(6)),
    ],
    ids=["Exif", "XMP", "a text", "an address"],
)
def test_metadata_is_replaced_by_empty_metadata_of_the_same_kind(item: Made, left: bytes, pieces: int) -> None:
    found = stripped(File([picture_item(SIZE), item], pieces=min(pieces, len(item.data))).to_bytes())
    places = walk_avif(found, USUAL).items.by_number[2].extents
    assert b"".join(found[place.start : place.stop] for place in places) == left


@pytest.mark.parametrize("place", [(0, 20), (8, 4), (60, 100)], ids=["the first box", "a brand", "the meta box"])
def test_metadata_in_the_boxes_that_describe_the_picture_is_refused(place: tuple[int, int]) -> None:
    made = File([picture_item(SIZE), Made(b"mime", SECRET, media_type=b"application/rdf+xml")], overlap={2: (place,)})
    with pytest.raises(Corrupt, match="metadata is outside its boxes of data"):
        inspect(made.to_bytes(), ImageType.AVIF, USUAL, strips=True)


@settings(deadline=None, max_examples=300)
@given(seed=st.integers(0, 2**32), name=st.sampled_from(sorted(EVERYTHING)))
def test_damaged_picture_is_refused_or_clean_after_one_pass(seed: int, name: str) -> None:
    shade = random.Random(seed)
    damaged = bytearray(EVERYTHING[name])
    for _ in range(shade.randrange(1, 4)):
        damaged[shade.randrange(min(len(damaged), 900))] = shade.randrange(256)
    try:
        clean = stripped(bytes(damaged))
    except AnswerError:
        return
    assert stripped(clean) == clean


def test_metadata_that_overlaps_itself_is_refused_before_it_takes_memory() -> None:
    pieces = tuple((start, 2**20) for start in range(20_000, 21_000))
    content = File([picture_item(SIZE), Made(b"Exif", bytes(2**20 + 30_000))], overlap={2: pieces}).to_bytes()
    tracemalloc.start()
    try:
        with pytest.raises(Corrupt, match="metadata overlaps its picture"):
            inspect(content, ImageType.AVIF, USUAL, strips=True)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()


def test_profiles_beyond_their_limit_together_are_a_bomb() -> None:
    profiles = [box(b"colr", b"prof", bytes([number]) + bytes(MAX_PROFILE_BYTES // 2)) for number in range(2)]
    inspect(File([picture_item(SIZE, profiles[0])]).to_bytes(), ImageType.AVIF, USUAL, strips=True)
    with pytest.raises(Bomb, match="colour profile"):
        inspect(File([picture_item(SIZE, *profiles)]).to_bytes(), ImageType.AVIF, USUAL, strips=True)


def test_deeply_nested_tracks_do_not_overflow_the_stack() -> None:
    track = b""
    for _ in range(3000):
        track = box(b"trak", track)
    unseen = box(b"mdia", full(b"hdlr", bytes(4), b"soun", bytes(12), b"\0"))
    content = film(saved("AVIF", save_all=True, append_images=[Image.new("RGB", SIZE)]), box(b"trak", unseen, track))
    assert len(stripped(content)) == len(content)


def test_data_of_a_fragmented_file_is_kept() -> None:
    content = File([picture_item(SIZE)], after=box(b"moof") + box(b"mdat", b"frames")).to_bytes()
    assert stripped(content) == content
