"""One way to embed a picture, and what the page must show: a row of the table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.support.browser.pages import Document
from tests.support.browser.sight import HOTLINK, MISSING, NOTHING, PICTURE, Shows

STATUSES: Final = {PICTURE: {200}, HOTLINK: {403}, MISSING: {404}}


@dataclass(frozen=True, kw_only=True)
class Case:
    """A page, the actions on it, and what it must show.

    In all texts `IMAGE` stands for the picture's address and `PATH` for the
    part of it behind the host; `FILE` for the address of a local page.
    """

    name: str
    at: str
    """The address that is opened."""
    page: str = ""
    """The HTML of the page, without its frame; empty if another server answers."""
    shows: Shows
    headers: Mapping[str, str] = field(default_factory=dict)
    also: Mapping[str, Document] = field(default_factory=dict)
    """Further documents, by host and path."""
    act: str = ""
    """A script that runs on the loaded page and leaves it, or `drop`: drop the picture's address onto the page."""
    then: tuple[tuple[str, Shows], ...] = ()
    """The next steps, and what the page then shows: an address, `reload`, `back` or `forward`."""
    told: object = None
    """The expected value of the page's promise `told`, if there is one."""
    sent: frozenset[int] | None = None
    """The expected statuses of nginx's answers; None: the one that belongs to `shows`."""
    requests: int | None = None
    """How many requests for the picture nginx must get, to test caches; None: not compared."""
    agent: str | None = None
    """The User-Agent, if it is not the browser's own."""
    is_whole: bool = False
    """Whether `page` is a complete document."""
    leaves: bool = False
    """Whether the page navigates to the picture without a script."""
    opens_tab: bool = False
    """Whether the script opens a tab; the tab is then checked."""
    chromium_only: str = ""
    """Why only Chromium can do it."""

    def statuses(self) -> set[int]:
        """Return the expected statuses of nginx's answers."""
        if self.sent is not None:
            return set(self.sent)
        sights = {self.shows, *(shows for _, shows in self.then)} - {NOTHING}
        return set().union(*(STATUSES[shows] for shows in sights))
