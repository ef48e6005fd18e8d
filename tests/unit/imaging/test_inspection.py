"""Width and height from headers that are whole, cut off and damaged."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authsvc.errors import Corrupt, TooManyPixels, Truncated, Unsupported
from authsvc.imaging.inspection import Inspected, inspect, read_header, size_in_header
from authsvc.model import ImageType
from tests.support.imaging.real_pictures import PICTURES, SIZE, opened_size, saved, shown_size, smallest_webp
from tests.support.limits import USUAL

HEADER_BYTES = 600


def outcome(content: bytes, kind: ImageType) -> tuple[int, int] | None:
    """Return the dimensions, None for a corrupt header; any other failure comes through."""
    try:
        return size_in_header(content, kind)
    except Corrupt:
        return None


@pytest.mark.parametrize(("kind", "content"), PICTURES.values(), ids=PICTURES.keys())
def test_size_is_the_one_that_is_shown(kind: ImageType, content: bytes) -> None:
    assert size_in_header(content, kind) == shown_size(content) == SIZE


@pytest.mark.parametrize(("kind", "content"), PICTURES.values(), ids=PICTURES.keys())
def test_size_of_a_file_is_found_by_its_bytes_and_not_by_its_name(
    tmp_path: Path, kind: ImageType, content: bytes
) -> None:
    path = tmp_path / ("holiday.gif" if kind is not ImageType.GIF else "holiday.jpg")
    path.write_bytes(content)
    assert read_header(path) == SIZE


@pytest.mark.parametrize("kind", list(ImageType))
def test_cut_off_file_has_a_size(tmp_path: Path, kind: ImageType) -> None:
    path = tmp_path / "picture"
    path.write_bytes(saved(kind.name)[:-2])
    assert read_header(path) == SIZE


@pytest.mark.parametrize(
    "content",
    [b"", b"<svg/>", saved("TIFF"), saved("BMP"), saved("JPEG")[:2]],
    ids=["nothing", "SVG", "TIFF", "BMP", "two bytes of a JPEG"],
)
def test_file_of_another_type_is_unsupported(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    with pytest.raises(Unsupported):
        read_header(path)


@pytest.mark.parametrize(("kind", "content"), PICTURES.values(), ids=PICTURES.keys())
def test_picture_without_metadata_is_kept_byte_for_byte(kind: ImageType, content: bytes) -> None:
    assert inspect(content, kind, USUAL, strips=False) == Inspected(*SIZE, [range(len(content))])


@pytest.mark.parametrize(("kind", "content"), PICTURES.values(), ids=PICTURES.keys())
def test_picture_of_any_type_beyond_a_limit_is_refused(kind: ImageType, content: bytes) -> None:
    for limits in (replace(USUAL, max_side=max(SIZE) - 1), replace(USUAL, max_pixels=9)):
        with pytest.raises(TooManyPixels):
            inspect(content, kind, limits, strips=False)


@pytest.mark.parametrize("kind", list(ImageType))
def test_cut_off_upload_is_refused(kind: ImageType) -> None:
    with pytest.raises(Truncated):
        inspect(saved(kind.name)[:-2], kind, USUAL, strips=False)


def test_avif_has_the_limit_of_buffered_pictures() -> None:
    with pytest.raises(TooManyPixels, match="raise max_buffered_pixels"):
        inspect(saved("AVIF"), ImageType.AVIF, replace(USUAL, max_buffered_pixels=9), strips=False)


def test_avif_with_a_cut_off_header_is_refused(tmp_path: Path) -> None:
    content = saved("AVIF")[:16]
    with pytest.raises(Truncated):
        inspect(content, ImageType.AVIF, USUAL, strips=False)
    path = tmp_path / "picture"
    path.write_bytes(content)
    with pytest.raises(Corrupt):
        read_header(path)


@pytest.mark.parametrize("size", [(1, 1), (1, 65_000), (16_000, 1), (255, 256), (300, 257)], ids=str)
@pytest.mark.parametrize("kind", [ImageType.JPEG, ImageType.PNG, ImageType.GIF], ids=str)
def test_sizes_of_one_and_of_two_bytes_are_read(kind: ImageType, size: tuple[int, int]) -> None:
    assert size_in_header(saved(kind.name, size=size), kind) == size


@pytest.mark.parametrize("size", [(1, 1), (1, 16_383), (16_383, 1), (257, 256)], ids=str)
@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"icc_profile": b"x"}], ids=["VP8", "VP8L", "VP8X"])
def test_webp_sizes_up_to_fourteen_bits_are_read(options: dict[str, Any], size: tuple[int, int]) -> None:
    assert size_in_header(saved("WEBP", size=size, **options), ImageType.WEBP) == size


def test_smallest_webp_has_its_dimensions() -> None:
    assert opened_size(smallest_webp()) == (1, 1)
    assert size_in_header(smallest_webp(), ImageType.WEBP) == (1, 1)


@pytest.mark.parametrize(("kind", "content"), PICTURES.values(), ids=PICTURES.keys())
def test_cut_off_header_is_corrupt_or_complete(kind: ImageType, content: bytes) -> None:
    found = [outcome(content[:length], kind) for length in range(min(len(content), HEADER_BYTES))]
    assert found[0] is None
    assert set(found) <= {None, SIZE}
    # Once the header is complete, more bytes change nothing.
    assert found == sorted(found, key=lambda result: result == SIZE)


@settings(deadline=None, max_examples=200)
@given(name=st.sampled_from(sorted(PICTURES)), share=st.floats(0, 1))
def test_picture_cut_anywhere_is_corrupt_or_has_its_size(name: str, share: float) -> None:
    kind, content = PICTURES[name]
    assert outcome(content[: int(share * len(content))], kind) in (None, SIZE)


@settings(deadline=None, max_examples=500)
@given(data=st.data(), name=st.sampled_from(sorted(PICTURES)))
def test_damaged_header_is_corrupt_or_has_some_size(data: st.DataObject, name: str) -> None:
    kind, content = PICTURES[name]
    damaged = bytearray(content[:HEADER_BYTES])
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    found = outcome(bytes(damaged), kind)
    assert found is None or min(found) > 0


@settings(deadline=None, max_examples=300)
@given(kind=st.sampled_from(ImageType), content=st.binary(max_size=200))
def test_noise_is_corrupt_or_has_some_size(kind: ImageType, content: bytes) -> None:
    found = outcome(content, kind)
    assert found is None or min(found) > 0


@pytest.mark.parametrize("kind", ImageType, ids=str)
@pytest.mark.parametrize("other", ImageType, ids=str)
def test_header_of_another_type_is_corrupt(kind: ImageType, other: ImageType) -> None:
    assert outcome(saved(kind.name), other) == (SIZE if kind is other else None)
