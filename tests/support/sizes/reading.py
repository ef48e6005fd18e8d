"""Request smaller sizes as browsers do, and check the answers."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import httpx2
from PIL import Image

from tests.support.stack import Stack

PLAIN = "image/png,*/*;q=0.8"
"""A browser that knows neither WebP nor AVIF."""
WEBP = "image/webp,*/*;q=0.8"
AVIF = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
"""Chromium's, for pictures."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer that is a picture: its status, headers, bytes, and what Pillow makes of them."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    size: tuple[int, int] = field(init=False)
    frames: int = field(init=False)
    mode: str = field(init=False)

    def __post_init__(self) -> None:
        with Image.open(io.BytesIO(self.content)) as image:
            for name, value in (("size", image.size), ("mode", image.mode)):
                object.__setattr__(self, name, value)
            object.__setattr__(self, "frames", getattr(image, "n_frames", 1))

    @property
    def mime(self) -> str:
        return self.headers["content-type"]

    @property
    def is_kept(self) -> bool:
        """Whether a browser keeps it."""
        return self.headers["cache-control"] == "private, max-age=31536000, immutable"


def shown(stack: Stack, address: str, accept: str = PLAIN, **headers: str) -> Shown:
    """Read an address; the answer must be a picture."""
    answer = ask(stack, address, accept, **headers)
    return Shown(answer.status_code, answer.headers, answer.content)


def ask(stack: Stack, address: str, accept: str = PLAIN, **headers: str) -> httpx2.Response:
    return stack.get(address, Accept=accept, **headers)


def jobs(stack: Stack, outcome: str) -> int:
    """Return how many size jobs have ended so."""
    wanted = f'authsvc_derivations_total{{outcome="{outcome}"}} '
    lines = stack.ask_service("/metrics").text.splitlines()
    return int(sum(float(line.removeprefix(wanted)) for line in lines if line.startswith(wanted)))


def photograph(kind: str = "JPEG", size: tuple[int, int] = (1000, 700), **options: object) -> bytes:
    """Return a picture with so much in it that its smaller sizes are of use; each call makes another."""
    image = Image.blend(_fractal(size), Image.effect_noise(size, 64).convert("RGB"), 0.2)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@lru_cache(maxsize=4)
def _fractal(size: tuple[int, int]) -> Image.Image:
    return Image.effect_mandelbrot(size, (-2, -1.5, 1, 1.5), 100).convert("RGB")
