"""How large a picture may be. Checked with its header, before anything is decoded."""

from dataclasses import dataclass
from typing import Final

from authsvc.errors import Bomb, TooManyFrames, TooManyPixels

MAX_PROFILE_BYTES: Final = 4 * 2**20
"""The maximum length of a colour profile; those of cameras and screens have less than 1 MiB."""

_DECIMALS_OF_ONE_PIXEL: Final = 6


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of an upload.

    `max_side` is in pixels, for both width and height; `max_pixels` limits their
    product, `max_buffered_pixels` that of a picture which decoders must keep in memory
    as a whole. `max_scans` limits the scans of a JPEG, `max_frames` and
    `max_animation_pixels` an animation. All are at least 1, and a value equal to its
    limit is allowed.
    """

    max_side: int
    max_pixels: int
    max_buffered_pixels: int
    max_scans: int
    max_frames: int
    max_animation_pixels: int

    def check(self, width: int, height: int, *, is_buffered: bool = False) -> None:
        """Raise TooManyPixels for a picture of `width` x `height` pixels beyond a limit.

        `is_buffered`: decoders must keep it in memory as a whole.
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
        """Raise TooManyFrames for an animation of `frames` frames with `pixels` pixels in total, beyond a limit."""
        if frames > self.max_frames:
            raise TooManyFrames(found=f"{frames} frames", limit=str(self.max_frames), setting="max_frames")
        if pixels > self.max_animation_pixels:
            found, most = _megapixels(pixels, self.max_animation_pixels)
            raise TooManyFrames(
                found=f"{found} megapixels in its {frames} frames", limit=most, setting="max_animation_pixels"
            )


def check_profile(size: int) -> None:
    """Raise Bomb for a colour profile of `size` bytes when that is more than MAX_PROFILE_BYTES."""
    if size > MAX_PROFILE_BYTES:
        raise Bomb(what="picture's colour profile", limit_bytes=MAX_PROFILE_BYTES)


def _megapixels(pixels: int, limit: int) -> tuple[str, str]:
    """Return both in megapixels, with enough decimals to show the difference."""
    decimals = 1
    while _rounded(pixels, decimals) == _rounded(limit, decimals):
        decimals += 1
    return _rounded(pixels, decimals), _rounded(limit, decimals)


def _rounded(pixels: int, decimals: int) -> str:
    return f"{pixels / 10**_DECIMALS_OF_ONE_PIXEL:.{decimals}f}".rstrip("0").rstrip(".")
