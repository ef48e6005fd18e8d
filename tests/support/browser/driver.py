"""What the cases need of a browser: the part of Playwright's interface that every driver here has."""

from typing import Any, Protocol


class Page(Protocol):
    """One tab."""

    def goto(self, url: str) -> object:
        """Open an address as the address bar does; return when it is loaded."""

    def evaluate(self, script: str, /, arg: Any = None) -> Any:  # noqa: ANN401 — any JSON
        """Call a JavaScript function, wait for its promise, and return its value."""

    def screenshot(self) -> bytes:
        """Return a PNG of what is seen."""

    def reload(self) -> object:
        """Load the page anew, as the button does."""

    def go_back(self) -> object:
        """Go back, as the button does."""

    def go_forward(self) -> object:
        """Go forward, as the button does."""


class Context(Protocol):
    """A fresh profile: caches, workers and storage of its own."""

    def new_page(self) -> Page:
        """Open a tab."""

    def opened_tab(self) -> Page:
        """Return the tab that a page has opened, once it is there."""

    def close(self) -> None:
        """Close its tabs and forget it."""


class Browser(Protocol):
    """A running browser."""

    @property
    def version(self) -> str:
        """Its version."""

    def new_context(self, *, user_agent: str | None = None) -> Context:
        """Make a fresh profile, under another name if one is given."""
