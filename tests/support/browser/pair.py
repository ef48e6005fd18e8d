"""The picture pair of README.md: one photo on its owner's blog, and on a page that hotlinks it."""

import io
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Page

from tests.support.browser.chromium import Chromium
from tests.support.browser.pages import Document
from tests.support.browser.places import BLOG, IMAGE_HOST, STRANGER
from tests.support.browser.trial import World

PHOTO: Final = Path(__file__).parents[3] / "docs" / "sizes" / "640.webp"
PHOTO_SIZE: Final = (640, 427)
VIEWPORT: Final = {"width": 720, "height": 700}
WEBP_QUALITY: Final = 86

_LOADED: Final = "() => document.images[0].decode().then(() => null, () => null)"
_NATURAL_SIZE: Final = "() => [document.images[0].naturalWidth, document.images[0].naturalHeight]"

# Both pages contain this element, and both show its text below the picture.
_EMBED: Final = '<img src="https://{host}{path}">'
_FRAME: Final = """\
<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>
<style>
  * {{ box-sizing: border-box; margin: 0 }}
  body {{ height: 700px; padding: 0 40px; display: flex; flex-direction: column; {body} }}
  header {{ height: 58px; display: flex; align-items: center; justify-content: space-between; {header} }}
  h1 {{ height: 36px; margin: 20px 0 14px; {h1} }}
  figure {{ height: 427px; display: flex; justify-content: center; align-items: center; {figure} }}
  img {{ max-width: 640px; max-height: 427px; display: block }}
  pre {{ margin-top: 18px; padding: 12px 14px; font: 13.5px "DejaVu Sans Mono", monospace; {pre} }}
  p {{ margin-top: 14px; {p} }}
</style>
<header><b>{name}</b><span>{place}</span></header>
<h1>{heading}</h1>
<figure>{embed}</figure>
<pre>{source}</pre>
<p>{text}</p>
"""
_BLOG: Final = {
    "title": "Anna's mountain blog",
    "name": "Anna's mountain blog",
    "heading": "Above the clouds before breakfast",
    "text": "We left the hut at four, with cold fingers and one thermos of tea between us.",
    "body": "background: #fdfbf7; color: #2b2a28; font: 15px/1.5 'DejaVu Serif', serif",
    "header": "border-bottom: 1px solid #e4ddd0; color: #8a7f6d; font-size: 14px",
    "h1": "font-size: 27px; font-weight: normal",
    "figure": "",
    "pre": "background: #f3eee4; color: #5b5346",
    "p": "color: #5b5346",
}
_STRANGER: Final = {
    "title": "FREE wallpapers",
    "name": "FREE WALLPAPERS HD",
    "heading": "Today's top pick: sunrise, 4K!!",
    "text": "Thousands of free pictures, updated every hour. Share with your friends!",
    "body": "background: #15181f; color: #e8eaf0; font: 15px/1.5 'DejaVu Sans', sans-serif",
    "header": "border-bottom: 3px solid #ffb300; color: #ffb300; font-size: 14px",
    "h1": "font-size: 25px",
    "figure": "background: #0c0e13",
    "pre": "background: #262b37; color: #b9c0d0",
    "p": "color: #9aa2b5",
}


def serve_pair(world: World, path: str) -> None:
    """Put both pages, which embed the picture at `path`, on the server of pages."""
    world.pages.documents = {
        f"{host}/": Document(_page(texts, host, path)) for host, texts in ((BLOG, _BLOG), (STRANGER, _STRANGER))
    }


def open_page(browser: Chromium, host: str) -> Page:
    """Open a page of the pair in a fresh profile, and wait until its picture is there."""
    page = browser.new_context().new_page()
    page.set_viewport_size({"width": VIEWPORT["width"], "height": VIEWPORT["height"]})
    page.goto(f"https://{host}/")
    page.evaluate(_LOADED)
    return page


def natural_size(page: Page) -> tuple[int, int]:
    """Return width and height of the picture that the page has received."""
    width, height = page.evaluate(_NATURAL_SIZE)
    return width, height


def save(page: Page, file: Path) -> None:
    """Write what the page shows as a WebP."""
    file.parent.mkdir(parents=True, exist_ok=True)
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    shot.save(file, "WEBP", quality=WEBP_QUALITY, method=6)


def _page(texts: dict[str, str], host: str, path: str) -> str:
    embed = _EMBED.format(host=IMAGE_HOST, path=path)
    source = embed.replace("&", "&amp;").replace("<", "&lt;")
    return _FRAME.format(**texts, place=host, embed=embed, source=source)
