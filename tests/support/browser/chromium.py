"""Debian's Chromium, driven by Playwright."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from playwright.sync_api import Browser as Driven
from playwright.sync_api import BrowserContext, Page, sync_playwright

PROGRAM: Final = "/usr/bin/chromium"

_ARGUMENTS: Final = (
    "--no-sandbox",  # the tests run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Context:
    """A fresh profile."""

    def __init__(self, driven: BrowserContext) -> None:
        self._driven = driven

    def new_page(self) -> Page:
        """Open a tab."""
        return self._driven.new_page()

    def opened_tab(self) -> Page:
        """Wait for the tab that a page opens, and return it."""
        if len(self._driven.pages) == 1:
            self._driven.wait_for_event("page")
        return self._driven.pages[1]

    def close(self) -> None:
        """Close its tabs and delete the profile."""
        self._driven.close()


class Chromium:
    """A running Chromium."""

    def __init__(self, driven: Driven) -> None:
        self._driven = driven

    @property
    def version(self) -> str:
        """Its version."""
        return self._driven.version

    def new_context(self, *, user_agent: str | None = None) -> Context:
        """Make a fresh profile with a small window, which is drawn faster."""
        return Context(self._driven.new_context(user_agent=user_agent, viewport={"width": 640, "height": 480}))


@contextmanager
def launch(proxy_port: int, spki: str) -> Iterator[Chromium]:
    """Run a Chromium that resolves names through the proxy and trusts only this key.

    Not `ignore_https_errors`: Chromium does not cache answers with a broken
    certificate, and installs no service worker from them.
    """
    trust = f"--ignore-certificate-errors-spki-list={spki}"
    proxy = (f"--proxy-server=socks5://127.0.0.1:{proxy_port}", "--proxy-bypass-list=<-loopback>")
    with sync_playwright() as playwright:
        driven = playwright.chromium.launch(
            executable_path=PROGRAM,
            args=[*_ARGUMENTS, trust, *proxy],
        )
        try:
            yield Chromium(driven)
        finally:
            driven.close()


def drop(page: object, address: str) -> None:
    """Drop an address onto a page, as from another program."""
    assert isinstance(page, Page)
    session = page.context.new_cdp_session(page)
    items = [{"mimeType": "text/uri-list", "data": address}]
    for step in ("dragEnter", "dragOver", "drop"):
        dragged = {"items": items, "dragOperationsMask": 1}
        session.send("Input.dispatchDragEvent", {"type": step, "x": 200, "y": 200, "data": dragged})
