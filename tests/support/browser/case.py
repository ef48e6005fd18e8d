"""One way of embedding, and what must be seen: a row of the table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.support.browser.pages import Document
from tests.support.browser.sight import HOTLINK, MISSING, NOTHING, PICTURE, Shows

STATUSES: Final = {PICTURE: {200}, HOTLINK: {403}, MISSING: {404}}


@dataclass(frozen=True, kw_only=True)
class Case:
    """A page, what is done on it, and what it then shows.

    In all texts `IMAGE` stands for the picture's address and `PATH` for the
    part of it behind the host; `FILE` for the address of a local page.
    """

    name: str
    at: str
    """The address that is opened."""
    page: str = ""
    """The page there, without its frame; empty where somebody else answers."""
    shows: Shows
    headers: Mapping[str, str] = field(default_factory=dict)
    also: Mapping[str, Document] = field(default_factory=dict)
    """Further documents, by host and path."""
    act: str = ""
    """A script that is run on the loaded page and leaves it, or `drop`, which drops the picture's address there."""
    then: tuple[tuple[str, Shows], ...] = ()
    """What follows, and what is then seen: an address, `reload`, `back` or `forward`."""
    told: object = None
    """What the page's promise `told` must say, where there is something beyond the sight."""
    sent: frozenset[int] | None = None
    """The statuses that nginx has answered with; None: the one that belongs to the sight."""
    requests: int | None = None
    """How often nginx has been asked for the picture, where that says what a cache has kept; None: not compared."""
    agent: str | None = None
    """Another User-Agent than the browser's own."""
    is_whole: bool = False
    """Whether the page has a frame of its own."""
    leaves: bool = False
    """Whether the page goes to the picture by itself."""
    opens_tab: bool = False
    """Whether the script opens a tab, which is then looked at."""
    chromium_only: str = ""
    """Why only Chromium can do it."""

    def statuses(self) -> set[int]:
        """Return the statuses that nginx must have answered with."""
        if self.sent is not None:
            return set(self.sent)
        sights = {self.shows, *(shows for _, shows in self.then)} - {NOTHING}
        return set().union(*(STATUSES[shows] for shows in sights))
