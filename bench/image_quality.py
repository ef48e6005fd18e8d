"""How good a smaller picture is, and at which quality another engine's is as good: SSIMULACRA2."""

import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from PIL import Image
from ssimulacra2 import compute_ssimulacra2_with_alpha

LEAST, MOST = 40, 98
"""The range in which a rival's quality is searched."""
STEPS: Final = 6


def reference(photograph: bytes, width: int) -> Image.Image:
    """Return what a smaller picture is held against: Pillow's Lanczos of every pixel, nothing lost."""
    with Image.open(io.BytesIO(photograph)) as image:
        return image.convert("RGB").resize((width, round(image.height * width / image.width)), Image.Resampling.LANCZOS)


def score(wanted: Image.Image, found: bytes) -> float:
    """Return SSIMULACRA2: 100 is the same picture, 90 looks the same, 70 is high quality."""
    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder, "wanted.png"), Path(folder, "found.png")
        wanted.save(paths[0])
        with Image.open(io.BytesIO(found)) as image:
            image.convert("RGB").save(paths[1])
        return float(compute_ssimulacra2_with_alpha(str(paths[0]), str(paths[1])))


def matching_quality(wanted: float, score_at: Callable[[int], float]) -> tuple[int, float]:
    """Return the least quality, of those that a few steps find, whose score is `wanted` at least, and that score."""
    low, high = LEAST, MOST
    best = (high, score_at(high))
    for _ in range(STEPS):
        middle = (low + high) // 2
        found = score_at(middle)
        if found >= wanted:
            high, best = middle, (middle, found)
        else:
            low = middle
    return best
