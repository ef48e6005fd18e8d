"""Generated photos: they compress like those of cameras, and are the same in every run."""

import io
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

SIZES: Final = {"1 MP": (1200, 900), "3 MP": (2000, 1500), "12 MP": (4000, 3000)}
QUALITY: Final = 92
"""As cameras save them: 12 megapixels take 4 to 6 MB."""
GRAIN: Final = 9
_OCTAVES: Final = 9
_DECAY: Final = 1.4
"""The factor by which each finer octave is weaker."""
_SHAPES: Final = 60


def photographs(size: tuple[int, int], count: int, *, seed: int = 1, exif: bytes = b"") -> list[bytes]:
    """Return JPEGs: hills and clouds of noise at all scales, things with sharp edges, a sensor's grain.

    One is the other moved around its edges, with another grain.
    """
    shade = np.random.default_rng(seed)
    layers = [_noise(shade, size) for _ in range(2)]
    colours = np.stack([layers[0], 0.7 * layers[0] + 0.3 * layers[1], layers[1]], axis=-1)
    scene = _things(shade, Image.fromarray((255 * colours).astype(np.uint8), "RGB"))
    pixels = np.asarray(scene.filter(ImageFilter.GaussianBlur(0.6)))
    return [_exposed(shade, np.roll(pixels, 97 * number, axis=(0, 1)), exif) for number in range(count)]


def _exposed(shade: np.random.Generator, pixels: NDArray[np.uint8], exif: bytes) -> bytes:
    grain = shade.integers(-GRAIN, GRAIN + 1, pixels.shape[:2], dtype=np.int16)[..., None]
    seen = np.clip(pixels + grain, 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(seen, "RGB").save(file, "JPEG", quality=QUALITY, exif=exif)
    return file.getvalue()


def _noise(shade: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float32]:
    """Return noise between 0 and 1 that has as much to see near as from afar."""
    total = np.zeros((size[1], size[0]), dtype=np.float32)
    for octave in range(_OCTAVES):
        cells = 2 ** (octave + 3)
        small = shade.random((cells * 3 // 4, cells), dtype=np.float32)
        layer = Image.fromarray(small, "F").resize(size, Image.Resampling.BICUBIC)
        total += np.asarray(layer) / _DECAY**octave
    low, high = np.percentile(total, (0.5, 99.5))
    scaled: NDArray[np.float32] = np.clip((total - low) / (high - low), 0, 1)
    return scaled


def _things(shade: np.random.Generator, image: Image.Image) -> Image.Image:
    """Draw what has edges: roofs, leaves, letters."""
    draw = ImageDraw.Draw(image, "RGBA")
    width, height = image.size
    for _ in range(_SHAPES):
        x, y = shade.random() * width, shade.random() * height
        reach = shade.random() * width / 6 + 8
        corners = [(x + reach * a, y + reach * b) for a, b in shade.normal(0, 0.6, (5, 2))]
        red, green, blue, strength = (int(each) for each in shade.integers(0, 256, 4))
        draw.polygon(corners, fill=(red, green, blue, 60 + strength // 2))
        draw.line([(x, y), corners[0]], fill=(blue, red, green, 200), width=1 + width // 900)
    return image
