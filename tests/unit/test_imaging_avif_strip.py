"""What is private in an AVIF is overwritten where it lies."""

import io
from dataclasses import replace

import pytest
from PIL import Image, ImageSequence

from authsvc.errors import Corrupt
from authsvc.imaging.inspect import inspect
from authsvc.imaging.pieces import contents
from authsvc.model import ImageType
from tests.limits import USUAL
from tests.unit.avif_files import File, Made, box, picture_item
from tests.unit.private_pictures import PROFILE_MARK, SECRET, exif
from tests.unit.real_pictures import PICTURES, SIZE, saved

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
        [picture_item(SIZE)], behind_meta=box(b"free", SECRET) + box(b"uuid", bytes(16), SECRET) + box(b"prvt", SECRET)
    ).to_bytes(),
    "zip behind it": saved("AVIF") + b"PK\3\4Secret",
    "two items in one place": File([picture_item(SIZE), EXIF, Made(b"Exif", b"")]).to_bytes(),
}
EVERYTHING = {**{name: content for name, (kind, content) in PICTURES.items() if kind is ImageType.AVIF}, **PRIVATE}


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
def test_everything_that_is_seen_is_as_it_was(content: bytes) -> None:
    before, after = seen(content), seen(stripped(content))
    assert [frame[:5] for frame in after] == [frame[:5] for frame in before]
    # Pillow tells irot, and where there is none what Exif says: nothing shows that.
    assert after[0][5] in {before[0][5], None}


@pytest.mark.parametrize("content", EVERYTHING.values(), ids=EVERYTHING.keys())
def test_clean_file_is_the_same_file(content: bytes) -> None:
    clean = stripped(content)
    assert inspect(clean, ImageType.AVIF, USUAL, strips=True).pieces == [range(len(clean))]


def test_turned_picture_stays_turned() -> None:
    assert inspect(stripped(PRIVATE["turned"]), ImageType.AVIF, USUAL, strips=True).width == SIZE[1]


def test_what_follows_goes_and_metadata_stays_where_it_is_wanted() -> None:
    assert stripped(PRIVATE["zip behind it"], strips=False) == saved("AVIF")
    assert stripped(PRIVATE["camera"], strips=False) == PRIVATE["camera"]


@pytest.mark.parametrize("length", [1, 40, 10_000], ids=["a byte", "a piece", "all of it"])
def test_metadata_that_lies_in_the_picture_is_refused(length: int) -> None:
    plain = File([picture_item(SIZE), Made(b"Exif", bytes(9))])
    start = plain.to_bytes().index(b"mdat") + 4
    data = len(plain.items[0].data)
    content = replace(plain, overlap={2: (start + 3, min(length, data))}).to_bytes()
    with pytest.raises(Corrupt, match="metadata lies within its picture"):
        inspect(content, ImageType.AVIF, USUAL, strips=True)
    # Without cleaning it does no harm.
    assert stripped(content, strips=False) == content
