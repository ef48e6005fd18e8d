"""A colour profile is kept, without what identifies the screen it was measured on."""

import io
import struct

import pytest
from PIL import Image, ImageCms

from authsvc.imaging.icc import without_device
from authsvc.imaging.inspection import inspect
from authsvc.imaging.pieces import contents
from authsvc.model import ImageType
from tests.support.imaging.private_pictures import SECRET
from tests.support.imaging.real_pictures import jpeg_with, saved, segment
from tests.support.limits import USUAL

JPEG, GIF = ImageType.JPEG, ImageType.GIF
SRGB: bytes = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
HEAD_BYTES = 128
GIF_PROFILE = b"\x21\xff\x0bICCRGBG1012"


def screen_profile(*tags: tuple[bytes, bytes]) -> bytes:
    """Return sRGB with more tags, as systems add them for a screen."""
    (count,) = struct.unpack_from(">I", SRGB, HEAD_BYTES)
    table = SRGB[HEAD_BYTES + 4 :][: 12 * count]
    moved = b"".join(
        struct.pack(">4sII", name, at + 12 * len(tags), size) for name, at, size in struct.iter_unpack(">4sII", table)
    )
    at, more = len(SRGB) + 12 * len(tags), b""
    for name, content in tags:
        moved += struct.pack(">4sII", name, at + len(more), len(content))
        more += content
    body = struct.pack(">I", count + len(tags)) + moved + SRGB[HEAD_BYTES + 4 + 12 * count :] + more
    head = bytearray(SRGB[:HEAD_BYTES])
    head[:4] = struct.pack(">I", HEAD_BYTES + len(body))
    head[84:100] = b"checksum of this"
    return bytes(head) + body


MMOD = b"mmod" + bytes(8) + SECRET * 2
"""Identifies the screen by its serial number."""
SCREEN = screen_profile((b"mmod", MMOD), (b"meta", b"dict" + bytes(8) + SECRET), (b"dscm", b"mluc" + SECRET))
LONG = screen_profile((b"mmod", b"mmod" + SECRET * 30_000))
"""Takes three segments of a JPEG."""


def stripped(kind: ImageType, content: bytes) -> bytes:
    return b"".join(contents(content, inspect(content, kind, USUAL, strips=True).pieces))


def profile_in(content: bytes) -> bytes | None:
    if content.startswith(b"GIF"):
        # Pillow does not read it.
        pieces, at = [], content.index(GIF_PROFILE) + len(GIF_PROFILE)
        while length := content[at]:
            pieces.append(content[at + 1 : at + 1 + length])
            at += 1 + length
        return b"".join(pieces)
    with Image.open(io.BytesIO(content)) as image:
        found: bytes | None = image.info.get("icc_profile")
        return found


def colours(profile: bytes) -> bytes:
    """Return some colours as this profile shows them."""
    image = Image.linear_gradient("L").convert("RGB")
    image.paste((250, 130, 7), (0, 0, 256, 30))
    target = ImageCms.createProfile("LAB")
    made = ImageCms.profileToProfile(image, io.BytesIO(profile), target, outputMode="LAB")
    assert made is not None
    return made.tobytes()


def in_sub_blocks(content: bytes) -> bytes:
    parts = [content[at : at + 255] for at in range(0, len(content), 255)]
    return b"".join(bytes((len(part),)) + part for part in parts) + b"\0"


def gif_with(profile: bytes) -> bytes:
    plain = saved("GIF", "P", comment=b"")
    at = plain.index(b"\x2c", 13 + 3 * 2 ** ((plain[10] & 7) + 1))
    return plain[:at] + GIF_PROFILE + in_sub_blocks(profile) + plain[at:]


@pytest.mark.parametrize("profile", [SCREEN, LONG], ids=["short", "long"])
@pytest.mark.parametrize("kind", ImageType, ids=str)
def test_profile_keeps_its_colours_without_the_device(kind: ImageType, profile: bytes) -> None:
    content = gif_with(profile) if kind is GIF else saved(kind.name, icc_profile=profile)
    found = stripped(kind, content)
    cleaned = profile_in(found)
    assert cleaned is not None
    assert profile_in(content) == profile
    assert cleaned == without_device(profile)
    assert len(cleaned) == len(profile)
    assert colours(cleaned) == colours(profile)
    assert SECRET not in found + cleaned
    assert inspect(found, kind, USUAL, strips=True).pieces == [range(len(found))]


def test_overlapping_device_tags_are_removed_completely() -> None:
    profile = bytearray(screen_profile((b"mmod", MMOD), (b"meta", b"dict" + SECRET), (b"dscm", SECRET * 9)))
    start = profile.index(MMOD)
    at = profile.index(b"mmod")
    # Make the first contain the second and the third.
    profile[at + 4 : at + 12] = struct.pack(">II", start, len(profile) - start)
    assert without_device(bytes(profile))[start:] == bytes(len(profile) - start)


def test_part_of_a_device_tag_that_no_other_tag_uses_is_removed() -> None:
    profile = bytearray(screen_profile((b"mmod", MMOD), (b"desc", MMOD)))
    first = profile.index(MMOD)
    at = profile.rindex(b"desc", 0, first)
    # The other tag ends in the middle of the device's.
    profile[at + 4 : at + 12] = struct.pack(">II", first, 12)
    assert without_device(bytes(profile))[first : first + len(MMOD)] == MMOD[:12] + bytes(len(MMOD) - 12)


def test_checksum_of_a_changed_profile_is_removed() -> None:
    assert without_device(SCREEN)[84:100] == bytes(16)


@pytest.mark.parametrize("kind", ImageType, ids=str)
def test_profile_without_a_device_is_unchanged(kind: ImageType) -> None:
    profile = screen_profile((b"vcgt", b"vcgt" + bytes(20)))
    assert without_device(profile) == profile
    content = gif_with(profile) if kind is GIF else saved(kind.name, icc_profile=profile)
    assert profile_in(stripped(kind, content)) == profile


def test_data_shared_by_colour_and_device_tags_is_kept() -> None:
    profile = bytearray(screen_profile((b"mmod", MMOD), (b"desc", MMOD)))
    # Both point to the same place.
    at = profile.rindex(b"desc", 0, profile.index(MMOD))
    profile[at + 4 : at + 8] = profile[at - 8 : at - 4]
    assert without_device(bytes(profile)) == profile


@pytest.mark.parametrize(
    "place", [(0, 2**31), (HEAD_BYTES, 16), (2**32 - 1, 2**32 - 1), (len(SCREEN), 9), (len(SCREEN) - 2, 99)], ids=str
)
def test_tag_with_an_invalid_place_changes_no_colours(place: tuple[int, int]) -> None:
    profile = bytearray(screen_profile((b"mmod", MMOD)))
    at = profile.index(b"mmod")
    profile[at + 4 : at + 12] = struct.pack(">II", *place)
    assert colours(without_device(bytes(profile))) == colours(bytes(profile))


@pytest.mark.parametrize("length", [0, 40, 128, 131, 132, 140, 300])
def test_cut_off_profile_keeps_its_length(length: int) -> None:
    assert len(without_device(SCREEN[:length])) == length
    assert without_device(b"no profile" * 40) == b"no profile" * 40


def icc(number: int, count: int, content: bytes) -> bytes:
    return segment(0xE2, b"ICC_PROFILE\0" + bytes((number, count)) + content)


@pytest.mark.parametrize(
    "segments",
    [
        icc(1, 1, SRGB) + icc(1, 1, SECRET),
        icc(1, 2, SRGB) + icc(3, 2, SECRET),
        icc(1, 3, SRGB) + icc(2, 3, SECRET),
        icc(0, 1, SECRET),
        segment(0xE2, b"ICC_PROFILE\0"),
        segment(0xE2, b"ICC_PROFILE\0\1"),
    ],
    ids=["twice the first", "none of two", "a missing third", "none", "without numbers", "without a count"],
)
def test_incomplete_profile_is_removed(segments: bytes) -> None:
    assert stripped(JPEG, jpeg_with(segments)) == saved("JPEG")


def test_parts_of_a_profile_are_joined_by_their_numbers() -> None:
    parts = [icc(2, 3, SCREEN[300:600]), icc(1, 3, SCREEN[:300]), icc(3, 3, SCREEN[600:])]
    found = stripped(JPEG, jpeg_with(b"".join(parts)))
    assert profile_in(found) == without_device(SCREEN)
