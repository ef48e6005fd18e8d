"""The interface of a browser that the cases need: a part of Playwright's."""

from typing import Any, Protocol


class Page(Protocol):
    """One tab."""

    def goto(self, url: str) -> object:
        """Open an address as the address bar does; return when it is loaded."""

    def evaluate(self, script: str, /, arg: Any = None) -> Any:  # noqa: ANN401 — any JSON
        """Call a JavaScript function, wait for its promise, and return its value."""

    def screenshot(self) -> bytes:
        """Return a PNG of the visible page."""

    def reload(self) -> object:
        """Load the page again, as the button does."""

    def go_back(self) -> object:
        """Go back, as the button does."""

    def go_forward(self) -> object:
        """Go forward, as the button does."""


class Context(Protocol):
    """A fresh profile with its own caches, workers and storage."""

    def new_page(self) -> Page:
        """Open a tab."""

    def opened_tab(self) -> Page:
        """Wait for the tab that a page opens, and return it."""

    def close(self) -> None:
        """Close its tabs and delete the profile."""


class Browser(Protocol):
    """A running browser."""

    @property
    def version(self) -> str:
        """Its version."""

    def new_context(self, *, user_agent: str | None = None) -> Context:
        """Make a fresh profile, with another User-Agent if one is given."""
