"""Private data is removed, and everything visible is kept bit by bit."""

import io
import re
from collections.abc import Sequence

import pytest
from PIL import Image, ImageSequence
from PIL.PngImagePlugin import PngInfo

from authsvc.imaging.exif import orientation, orientation_alone
from authsvc.imaging.inspection import inspect
from authsvc.imaging.pieces import contents
from authsvc.model import ImageType
from tests.support.imaging.private_pictures import PRIVATE, PROFILE_MARK, SECRET, exif
from tests.support.imaging.real_pictures import PICTURES, saved
from tests.support.limits import USUAL

WALKED = {name: entry for name, entry in PICTURES.items() if entry[0] is not ImageType.AVIF}
EVERYTHING = {**WALKED, **{f"private {name}": entry for name, entry in PRIVATE.items()}}
# Pictures that contain metadata on purpose.
UNCLEAN = re.compile("EXIF|comment|60 KB|application|320 segments|fill bytes|turned|89a|animated|thumbnail")


def stripped(kind: ImageType, content: bytes, *, strips: bool = True) -> bytes:
    return b"".join(contents(content, inspect(content, kind, USUAL, strips=strips).pieces))


def frames(content: bytes) -> Sequence[tuple[object, ...]]:
    """Return everything visible of a picture: each frame's mode, size, pixels and time, and the repetitions."""
    with Image.open(io.BytesIO(content)) as image:
        loop = image.info.get("loop")
        found = []
        for frame in ImageSequence.Iterator(image):
            frame.load()
            found.append((frame.mode, frame.size, frame.tobytes(), frame.info.get("duration"), loop))
            if image.format == "MPO":
                break
        return found


def turned(content: bytes) -> int:
    with Image.open(io.BytesIO(content)) as image:
        found: int = image.getexif().get(0x0112, 1)
        return found


@pytest.mark.parametrize(("kind", "content"), PRIVATE.values(), ids=PRIVATE.keys())
def test_nothing_private_is_left(kind: ImageType, content: bytes) -> None:
    assert SECRET in content or "turned" in content.decode("latin-1") or kind is ImageType.JPEG
    found = stripped(kind, content)
    assert SECRET not in found
    with Image.open(io.BytesIO(found)) as image:
        image.load()
        assert dict(image.getexif()).keys() <= {0x0112}
        assert not {"xmp", "comment", "exif_thumbnail", "XML:com.adobe.xmp", "Author", "photoshop"} & image.info.keys()


@pytest.mark.parametrize(("kind", "content"), EVERYTHING.values(), ids=EVERYTHING.keys())
def test_every_pixel_is_unchanged(kind: ImageType, content: bytes) -> None:
    assert frames(stripped(kind, content)) == frames(content)


@pytest.mark.parametrize(("kind", "content"), EVERYTHING.values(), ids=EVERYTHING.keys())
def test_orientation_and_profile_are_unchanged(kind: ImageType, content: bytes) -> None:
    found = stripped(kind, content)
    assert turned(found) == turned(content)
    with Image.open(io.BytesIO(content)) as before, Image.open(io.BytesIO(found)) as after:
        assert after.info.get("icc_profile") == before.info.get("icc_profile")
    assert found.count(PROFILE_MARK) == content.count(PROFILE_MARK)


@pytest.mark.parametrize(("kind", "content"), EVERYTHING.values(), ids=EVERYTHING.keys())
def test_stripping_a_clean_file_changes_nothing(kind: ImageType, content: bytes) -> None:
    clean = stripped(kind, content)
    found = inspect(clean, kind, USUAL, strips=True)
    assert found.pieces == [range(len(clean))]


@pytest.mark.parametrize(
    ("kind", "content"),
    [entry for name, entry in WALKED.items() if not UNCLEAN.search(name)],
    ids=[name for name in WALKED if not UNCLEAN.search(name)],
)
def test_picture_without_metadata_is_unchanged(kind: ImageType, content: bytes) -> None:
    assert inspect(content, kind, USUAL, strips=True).pieces == [range(len(content))]


@pytest.mark.parametrize(("kind", "content"), EVERYTHING.values(), ids=EVERYTHING.keys())
def test_size_is_the_one_that_is_shown(kind: ImageType, content: bytes) -> None:
    found = inspect(content, kind, USUAL, strips=True)
    with Image.open(io.BytesIO(content)) as image:
        size = image.size
    is_turned = turned(content) >= 5 and kind is not ImageType.WEBP
    assert (found.width, found.height) == (size[::-1] if is_turned else size)


@pytest.mark.parametrize(
    ("kind", "content"),
    [entry for name, entry in PRIVATE.items() if "after it" in name],
    ids=[name for name in PRIVATE if "after it" in name],
)
def test_bytes_after_a_picture_are_removed_also_when_metadata_is_kept(kind: ImageType, content: bytes) -> None:
    found = stripped(kind, content, strips=False)
    assert content.startswith(found)
    assert not re.search(b"PK\3\4|<html|<script|SecretOther", found)


@pytest.mark.parametrize("name", ["JPEG, camera", "PNG, texts", "GIF, comments, texts, applications", "WEBP, turned 6"])
def test_metadata_is_kept_without_the_option_to_strip(name: str) -> None:
    kind, content = PRIVATE[name]
    assert stripped(kind, content, strips=False) == content


@pytest.mark.parametrize(
    "page", [b"<?php system($_GET[0]); ?>", b"<script>alert(1)</script>", b"PK\3\4", b"%PDF-1.7", b"MZ"], ids=repr
)
@pytest.mark.parametrize("kind", [ImageType.JPEG, ImageType.PNG, ImageType.GIF])
def test_other_format_in_a_comment_is_removed(kind: ImageType, page: bytes) -> None:
    options = {"pnginfo": _text(page)} if kind is ImageType.PNG else {"comment": page}
    content = saved(kind.name, "P" if kind is ImageType.GIF else "RGB", **options)
    assert page in content
    assert page not in stripped(kind, content)


def _text(page: bytes) -> PngInfo:
    texts = PngInfo()
    texts.add_text("Comment", page.decode())
    return texts


@pytest.mark.parametrize("value", range(2, 9))
def test_rewritten_exif_has_only_the_orientation(value: int) -> None:
    block = orientation_alone(value)
    assert orientation(block) == value
    assert len(block) == 26
    read = Image.Exif()
    read.load(block)
    assert dict(read) == {0x0112: value}


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"II*\0",
        b"MM\0*\xff\xff\xff\xff",
        b"XX*\0\x08\0\0\0",
        exif()[:12],
        b"II*\0\x08\0\0\0\xff\xff",
        orientation_alone(6)[:-8],
    ],
    ids=["nothing", "no offset", "offset outside", "other order", "cut off", "no entries", "cut in the entry"],
)
def test_exif_without_an_orientation_is_upright(block: bytes) -> None:
    assert orientation(block[:20]) == 1


@pytest.mark.parametrize("value", [0, 9, 65_535])
def test_invalid_orientation_is_upright(value: int) -> None:
    block = bytearray(orientation_alone(6))
    block[18:20] = value.to_bytes(2, "big")
    assert orientation(bytes(block)) == 1
    assert orientation_alone(1) == b""
