from dataclasses import replace

import pytest

from authsvc.errors import TooManyFrames, TooManyPixels
from tests.support.limits import USUAL


@pytest.mark.parametrize(
    "size", [(1, 1), (10_000, 5_000), (5_000, 10_000), (16_384, 1), (1, 16_384), (16_384, 3_051)], ids=str
)
def test_picture_at_its_limits_is_accepted(size: tuple[int, int]) -> None:
    USUAL.check(*size)


REFUSED = {
    "too wide": (
        (16_385, 1),
        "The picture has a side of 16385 pixels (16385 x 1); the limit is 16384. Make it smaller, or raise max_side.",
    ),
    "too high": ((2, 65_535), "a side of 65535 pixels (2 x 65535); the limit is 16384. "),
    "too many pixels": (
        (12_800, 4_000),
        "The picture has 51.2 megapixels (12800 x 4000); the limit is 50. Make it smaller, or raise max_pixels.",
    ),
    "whole megapixels": ((10_000, 6_000), "The picture has 60 megapixels (10000 x 6000); the limit is 50. "),
    "a row more": ((10_000, 5_001), "The picture has 50.01 megapixels (10000 x 5001); the limit is 50. "),
    "hardly more": ((3_169, 15_778), "The picture has 50.0005 megapixels (3169 x 15778); the limit is 50. "),
}


@pytest.mark.parametrize(("size", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_refusal_names_figure_limit_and_setting(size: tuple[int, int], sentence: str) -> None:
    with pytest.raises(TooManyPixels) as refused:
        USUAL.check(*size)
    assert sentence in refused.value.text


def test_message_shows_enough_decimals_for_one_pixel_too_many() -> None:
    with pytest.raises(TooManyPixels, match=r"has 0\.000006 megapixels \(2 x 3\); the limit is 0\.000005\."):
        replace(USUAL, max_pixels=5).check(2, 3)


def test_buffered_picture_has_the_smaller_limit() -> None:
    USUAL.check(5_000, 5_001)
    USUAL.check(5_000, 5_000, is_buffered=True)
    with pytest.raises(TooManyPixels, match=r"25\.005 megapixels .*; the limit is 25\. .* raise max_buffered_pixels"):
        USUAL.check(5_000, 5_001, is_buffered=True)
    with pytest.raises(TooManyPixels, match="raise max_pixels"):
        replace(USUAL, max_pixels=5).check(2, 3, is_buffered=True)


def test_animation_is_limited_in_frames_and_in_pixels_of_all_frames() -> None:
    USUAL.check_frames(400, 200_000_000)
    with pytest.raises(TooManyFrames, match=r"has 401 frames; the limit is 400\. .* raise max_frames"):
        USUAL.check_frames(401, 1)
    with pytest.raises(TooManyFrames, match=r"has 200\.1 megapixels in its 2 frames; .* 200\. .* max_animation_pixels"):
        USUAL.check_frames(2, 200_100_000)
