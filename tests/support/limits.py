"""The limits of an installation that sets none."""

from authsvc.imaging.limits import Limits

USUAL = Limits(
    max_side=16_384,
    max_pixels=50_000_000,
    max_buffered_pixels=25_000_000,
    max_scans=64,
    max_frames=400,
    max_animation_pixels=200_000_000,
)
