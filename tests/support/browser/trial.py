"""Try one case in a browser and compare what it shows."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from playwright.sync_api import Error as PlaywrightError

from tests.support.browser import chromium
from tests.support.browser.bidi import BidiError
from tests.support.browser.case import Case
from tests.support.browser.driver import Browser, Context, Page
from tests.support.browser.imagehost import ImageHost
from tests.support.browser.pages import Document, Pages
from tests.support.browser.places import IMAGE_HOST
from tests.support.browser.sight import NOTHING, SIZES, Shows, see

SECONDS: Final = 10.0

T = TypeVar("T")

_FRAME: Final = "<!doctype html><html lang=en><meta charset=utf-8><title>A page</title>"
_PAINTED: Final = "() => new Promise(painted => requestAnimationFrame(() => requestAnimationFrame(painted)))"
# Waits until everything that the page loads by itself is loaded and painted.
_SETTLE: Final = """async () => {
    await window.done;
    for (const image of document.images) await image.decode().catch(() => null);
    await new Promise(painted => requestAnimationFrame(() => requestAnimationFrame(painted)));
    const told = await window.told;
    return {told: told === undefined ? null : told,
            sizes: Array.from(document.images, image => [image.naturalWidth, image.naturalHeight])};
}"""


@dataclass
class World:
    """Everything around a browser: the product, the other pages, and the proxy to both."""

    image: ImageHost
    pages: Pages
    path: str
    proxy_port: int
    spki: str

    @property
    def file(self) -> Path:
        """The file of a local page."""
        return self.image.folder / "page.html"


def try_case(case: Case, browser: Browser, world: World) -> str:
    """Try it in a fresh profile; return what is wrong, or nothing."""
    case = _with_addresses(case, world)
    world.pages.documents = {**case.also, **_own_page(case)}
    if case.at == world.file.as_uri():
        world.file.write_text(_FRAME + case.page)
    answered = partial(world.image.answered, world.image.log_end())
    context = browser.new_context(user_agent=case.agent)
    try:
        return _follow(case, context, answered)
    finally:
        context.close()


def _follow(case: Case, context: Context, answered: Callable[[], list[int]]) -> str:
    page = context.new_page()
    page.goto(case.at)
    wrong = ""
    if case.act:
        page = _act(case, context, page)
    elif case.page and not case.leaves:
        wrong = _compare(case, page.evaluate(_SETTLE))
    shows = case.shows
    wrong = wrong or _look(page, shows)
    for step, shows in case.then:
        if wrong:
            return wrong
        _go(page, step)
        wrong = (seen := _look(page, shows)) and f"after {step}: {seen}"
    if wrong := wrong or _read_log(case, answered):
        return wrong
    # Check again: the last answer of nginx may not have been painted at the first check.
    if shows is NOTHING:  # Then the page is an HTML page. A picture in a tab runs no scripts in Chromium.
        page.evaluate(_PAINTED)
    return _look(page, shows) or _read_log(case, answered)


def _read_log(case: Case, answered: Callable[[], list[int]]) -> str:
    """Compare the statuses of nginx's answers, and their number if the case has one."""
    wanted = case.statuses(), case.requests

    def read() -> tuple[set[int], int | None]:
        statuses = answered()
        return set(statuses), None if case.requests is None else len(statuses)

    found = _until(read, wanted)
    return "" if found == wanted else f"nginx answered {answered()}, not {wanted}"


def _act(case: Case, context: Context, page: Page) -> Page:
    """Run the case's script, which leaves the page; return the tab that shows where it leads."""
    if case.act == "drop":
        chromium.drop(page, case.page)
    else:
        page.evaluate(f"() => {{ {case.act} }}")
    return context.opened_tab() if case.opens_tab else page


def _compare(case: Case, settled: dict[str, Any]) -> str:
    """Compare the page's promise `told` and the natural sizes of its <img> elements."""
    if settled["told"] != case.told:
        return f"the page tells {settled['told']!r}, not {case.told!r}"
    sizes = {tuple(size) for size in settled["sizes"]}
    return f"its <img> has the sizes {sizes}, not {SIZES[case.shows]}" if sizes - {SIZES[case.shows]} else ""


def _go(page: Page, step: str) -> None:
    match step:
        case "reload":
            page.reload()
        case "back":
            page.go_back()
        case "forward":
            page.go_forward()
        case _:
            page.goto(step)


def _look(page: Page, shows: Shows) -> str:
    seen = _until(lambda: _sight(page), {shows})
    return "" if seen == {shows} else f"it shows {', '.join(sorted(seen))}, not {shows}"


def _sight(page: Page) -> set[Shows]:
    try:
        return see(page.screenshot())
    except (PlaywrightError, BidiError):
        # The tab is between two pages, which is not the same as showing nothing.
        return set()


def _until(probe: Callable[[], T], wanted: T) -> T:
    """Probe until the result is `wanted`, or for some seconds; return the last result."""
    pause = threading.Event()
    deadline = time.monotonic() + SECONDS
    while (found := probe()) != wanted and time.monotonic() < deadline:
        pause.wait(0.02)
    return found


def _own_page(case: Case) -> dict[str, Document]:
    address = urlsplit(case.at)
    if not case.page or not address.hostname:
        return {}
    host = address.hostname.removesuffix(".").encode("idna").decode()
    frame = "" if case.is_whole else _FRAME
    return {f"{host}{address.path}": Document(frame + case.page, case.headers)}


def _with_addresses(case: Case, world: World) -> Case:
    """Insert the picture's address into all texts."""
    words = {"IMAGE": f"https://{IMAGE_HOST}{world.path}", "PATH": world.path, "FILE": world.file.as_uri()}

    def fill(text: str) -> str:
        for word, stands_for in words.items():
            text = text.replace(word, stands_for)
        return text

    return replace(
        case,
        at=fill(case.at),
        page=fill(case.page),
        act=fill(case.act),
        headers={name: fill(value) for name, value in case.headers.items()},
        also={at: replace(document, body=fill(document.body)) for at, document in case.also.items()},
        then=tuple((fill(step), shows) for step, shows in case.then),
    )
