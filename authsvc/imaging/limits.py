"""How large a picture may be, judged by its header, before a decoder sees a byte of it."""

from dataclasses import dataclass
from typing import Final

from authsvc.errors import Bomb, TooManyFrames, TooManyPixels

MAX_PROFILE_BYTES: Final = 4 * 2**20
"""The most that a colour profile may hold; those of cameras and screens hold less than 1 MiB."""

_DECIMALS_OF_ONE_PIXEL: Final = 6


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that an upload may be.

    `max_side` is in pixels, for width and height alike; `max_pixels` is their
    product, `max_buffered_pixels` that of a picture which decoders have to hold
    whole. `max_scans` is how many scans a JPEG may have, `max_frames` and
    `max_animation_pixels` bound an animation. All are at least 1, and what equals
    them is allowed.
    """

    max_side: int
    max_pixels: int
    max_buffered_pixels: int
    max_scans: int
    max_frames: int
    max_animation_pixels: int

    def check(self, width: int, height: int, *, is_buffered: bool = False) -> None:
        """Raise TooManyPixels for a picture of `width` x `height` pixels beyond a limit.

        `is_buffered` says that decoders have to hold it whole.
        """
        side = max(width, height)
        if side > self.max_side:
            raise TooManyPixels(
                found=f"a side of {side} pixels ({width} x {height})", limit=str(self.max_side), setting="max_side"
            )
        limit, setting = self.max_pixels, "max_pixels"
        if is_buffered and self.max_buffered_pixels < limit:
            limit, setting = self.max_buffered_pixels, "max_buffered_pixels"
        if width * height > limit:
            found, most = _megapixels(width * height, limit)
            raise TooManyPixels(found=f"{found} megapixels ({width} x {height})", limit=most, setting=setting)

    def check_frames(self, frames: int, pixels: int) -> None:
        """Raise TooManyFrames for an animation of so many frames, with so many pixels in all of them."""
        if frames > self.max_frames:
            raise TooManyFrames(found=f"{frames} frames", limit=str(self.max_frames), setting="max_frames")
        if pixels > self.max_animation_pixels:
            found, most = _megapixels(pixels, self.max_animation_pixels)
            raise TooManyFrames(
                found=f"{found} megapixels in its {frames} frames", limit=most, setting="max_animation_pixels"
            )


def check_profile(size: int) -> None:
    """Raise Bomb for a colour profile of so many bytes, if that is more than MAX_PROFILE_BYTES."""
    if size > MAX_PROFILE_BYTES:
        raise Bomb(what="picture's colour profile", limit_bytes=MAX_PROFILE_BYTES)


def _megapixels(pixels: int, limit: int) -> tuple[str, str]:
    """Return both in megapixels, with as many decimals as it takes to tell them apart."""
    decimals = 1
    while _rounded(pixels, decimals) == _rounded(limit, decimals):
        decimals += 1
    return _rounded(pixels, decimals), _rounded(limit, decimals)


def _rounded(pixels: int, decimals: int) -> str:
    return f"{pixels / 10**_DECIMALS_OF_ONE_PIXEL:.{decimals}f}".rstrip("0").rstrip(".")
