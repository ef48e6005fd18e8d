"""The picture pair of README.md shows what happens; `make screenshots` takes it again."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.browser import chromium
from tests.support.browser.chromium import Chromium
from tests.support.browser.pair import PHOTO, PHOTO_SIZE, natural_size, open_page, save, serve_pair
from tests.support.browser.places import BLOG, STRANGER
from tests.support.browser.sight import HOTLINK, SIZES
from tests.support.browser.trial import World


@pytest.fixture(scope="module")
def browser(world: World) -> Iterator[Chromium]:
    serve_pair(world, world.image.stack.upload(PHOTO.read_bytes()))
    with chromium.launch(world.proxy_port, world.spki) as running:
        yield running


@pytest.mark.parametrize(
    ("name", "host", "size"),
    [
        pytest.param("blog", BLOG, PHOTO_SIZE, id="the owner's blog shows the photo"),
        pytest.param("stranger", STRANGER, SIZES[HOTLINK], id="a stranger's page shows the hotlink picture"),
    ],
)
def test_same_element_shows(name: str, host: str, size: tuple[int, int], browser: Chromium) -> None:
    page = open_page(browser, host)
    assert natural_size(page) == size
    if folder := os.environ.get("SCREENSHOTS_DIR"):
        save(page, Path(folder) / f"{name}.webp")
