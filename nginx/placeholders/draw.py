"""Draw the pictures that nginx and the first upload show.

Run it again after changing ``PICTURES``; the PNG files it writes are committed,
so neither the service nor its image needs Pillow or a font.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path

from PIL import Image, ImageColor, ImageDraw, ImageFont

HERE = Path(__file__).resolve().parent
FONT = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc")
SIMPLIFIED_CHINESE = 2  # The collection's first face draws the Japanese forms.
SCALE = 3
BLENDS = 2  # Between two colours that meet: enough for smooth edges in a small file.
WHITE, YELLOW, RED, INDIGO, BLUE, GREEN = (
    "#ffffff", "#ffd23f", "#b3162b", "#37348b", "#0271b5", "#2b7a30",
)  # fmt: skip
INKS = (WHITE, YELLOW)


class Pen:
    """A canvas addressed in final pixels but drawn ``SCALE`` times as large."""

    def __init__(self, size: tuple[int, int], paper: str, font: Path) -> None:
        """Lay out an empty sheet of ``paper``."""
        self.image = Image.new("RGB", (size[0] * SCALE, size[1] * SCALE), paper)
        self._draw = ImageDraw.Draw(self.image)
        self._font = font

    def box(self, xy: tuple[int, ...], radius: int, ink: str, width: int) -> None:
        """Outline a rounded box given as left, top, right, bottom."""
        edges = [n * SCALE for n in xy]
        self._draw.rounded_rectangle(edges, radius * SCALE, None, ink, width * SCALE)

    def disc(self, x: int, y: int, radius: int, ink: str) -> None:
        """Fill a circle."""
        self._draw.circle((x * SCALE, y * SCALE), radius * SCALE, ink)

    def shape(self, points: tuple[int, ...], ink: str) -> None:
        """Fill a polygon given as x, y, x, y, ..."""
        self._draw.polygon([n * SCALE for n in points], ink)

    def stroke(self, points: tuple[int, ...], ink: str, width: int) -> None:
        """Draw a line with round ends through x, y, x, y, ..."""
        odd = width * SCALE | 1  # An even line is half a pixel off its round ends.
        self._draw.line([n * SCALE for n in points], ink, odd, "curve")
        for x, y in (points[:2], points[-2:]):
            self._draw.circle((x * SCALE, y * SCALE), odd // 2, ink)

    def text(self, words: str, x: int, baseline: int, size: int, ink: str) -> None:
        """Write ``words`` centred on ``x``."""
        basic = ImageFont.Layout.BASIC
        font = ImageFont.truetype(self._font, size * SCALE, SIMPLIFIED_CHINESE, "", basic)
        self._draw.text((x * SCALE, baseline * SCALE), words, ink, font, "ms")


def broken_chain(pen: Pen) -> None:
    """Draw a chain across the card whose middle link has snapped."""
    for left, right in ((-200, 220), (380, 820), (980, 1400)):
        pen.box((left, 150, right, 354), 92, WHITE, 48)
    pen.shape((610, 140, 690, 140, 590, 380, 510, 380), RED)
    for left, right in ((150, 450), (750, 1050)):
        pen.stroke((left, 252, right, 252), RED, 88)
        pen.stroke((left, 252, right, 252), WHITE, 48)
    for spark in ((535, 94, 552, 120), (600, 74, 600, 108), (665, 94, 648, 120)):
        pen.stroke(spark, YELLOW, 26)


def empty_frame(pen: Pen) -> None:
    """Draw a picture frame on a nail, holding nothing but a question mark."""
    pen.stroke((470, 190, 600, 100, 730, 190), YELLOW, 20)
    pen.disc(600, 96, 28, YELLOW)
    pen.box((400, 170, 800, 420), 30, WHITE, 36)
    pen.text("?", 602, 370, 195, YELLOW)


def sunny_hills(pen: Pen) -> None:
    """Draw the sun above green hills."""
    pen.disc(570, 30, 76, YELLOW)
    pen.disc(120, 530, 260, GREEN)
    pen.disc(440, 640, 360, GREEN)


@dataclass(frozen=True)
class Picture:
    """What one file holds; a line is its words, baseline and size."""

    path: str
    size: tuple[int, int]
    papers: tuple[str, ...]
    symbol: Callable[[Pen], None]
    lines: tuple[tuple[str, int, int], ...]


CARD = (1200, 900)
PICTURES = (
    Picture("hotlink.png", CARD, (RED,), broken_chain,
            (("禁止外链", 656, 236), ("NO HOTLINKING", 820, 124))),
    Picture("missing.png", CARD, (INDIGO,), empty_frame,
            (("图片不存在", 648, 204), ("NOT FOUND", 820, 148))),
    Picture("../welcome.png", (600, 400), (BLUE, GREEN), sunny_hills,
            (("It works", 122, 92), ("上传成功", 240, 104), ("authsvc", 358, 84))),
)  # fmt: skip


def palette(papers: tuple[str, ...]) -> Image.Image:
    """Return an image whose palette is the papers, the inks and their blends."""
    channels = [n for colour in (*papers, *INKS) for n in ImageColor.getrgb(colour)]
    # No blends of two inks: they would tint the white edges yellow.
    for one, two in (*product(papers, INKS), *combinations(papers, 2)):
        ends = list(zip(ImageColor.getrgb(one), ImageColor.getrgb(two), strict=True))
        for n in range(1, BLENDS + 1):
            channels.extend(a + (b - a) * n // (BLENDS + 1) for a, b in ends)
    image = Image.new("P", (1, 1))
    image.putpalette(channels)
    return image


def draw(picture: Picture, font: Path) -> Image.Image:
    """Return the finished picture."""
    width, height = picture.size
    rim = width // 50
    pen = Pen(picture.size, picture.papers[0], font)
    picture.symbol(pen)
    for words, baseline, size in picture.lines:
        pen.text(words, width // 2, baseline, size, WHITE)
    # A white rim sets the card off a dark page; the card's own colour, a light one.
    pen.box((-2 * rim, -2 * rim, width + 2 * rim, height + 2 * rim), 5 * rim, WHITE, 3 * rim)
    small = pen.image.resize(picture.size, Image.Resampling.BOX)
    return small.quantize(palette=palette(picture.papers), dither=Image.Dither.NONE)


def main() -> None:
    """Write every picture to its place."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--font", type=Path, default=FONT, help="a CJK font collection")
    font = parser.parse_args().font
    for picture in PICTURES:
        draw(picture, font).save(HERE / picture.path, optimize=True)


if __name__ == "__main__":
    main()
