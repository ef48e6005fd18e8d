"""What a screenshot shows, recognised by the colours of the picture and the placeholders."""

import io
from enum import StrEnum
from typing import Final

from PIL import Image

GREEN: Final = (0, 176, 80)
PICTURE_SIZE: Final = (320, 240)
PLACEHOLDER_SIZE: Final = (1200, 900)

_TOLERANCE: Final = 6
_ENOUGH_PIXELS: Final = 60
"""The marker of a list or the corner of a border has so few."""
_MAX_COLOURS: Final = 1 << 14


class Shows(StrEnum):
    """What a page shows where the picture should be."""

    PICTURE = "the picture"
    HOTLINK = "the hotlink picture"
    MISSING = "the missing picture"
    NOTHING = "nothing"


PICTURE, HOTLINK, MISSING, NOTHING = Shows

# The background colours in nginx/placeholders/draw.py.
_COLOURS: Final = {PICTURE: GREEN, HOTLINK: (179, 22, 43), MISSING: (55, 52, 139)}
SIZES: Final = {PICTURE: PICTURE_SIZE, HOTLINK: PLACEHOLDER_SIZE, MISSING: PLACEHOLDER_SIZE, NOTHING: (0, 0)}


def draw_picture() -> bytes:
    """Return the picture to upload: nothing else on these pages has its colour or its size."""
    file = io.BytesIO()
    Image.new("RGB", PICTURE_SIZE, GREEN).save(file, "PNG")
    return file.getvalue()


def see(screenshot: bytes) -> set[Shows]:
    """Return everything that a screenshot shows."""
    colours = Image.open(io.BytesIO(screenshot)).convert("RGB").getcolors(_MAX_COLOURS)
    assert colours is not None, "more colours than the pages of the cases have"
    seen = {
        shown
        for shown, wanted in _COLOURS.items()
        if sum(count for count, colour in colours if _is_near(colour, wanted)) >= _ENOUGH_PIXELS
    }
    return seen or {NOTHING}


def _is_near(colour: object, wanted: tuple[int, int, int]) -> bool:
    assert isinstance(colour, tuple)
    return all(abs(a - b) <= _TOLERANCE for a, b in zip(colour, wanted, strict=True))
