"""The port of tokens and sites."""

from abc import ABC, abstractmethod
from concurrent.futures import Future
from dataclasses import dataclass

from authsvc.model import Token


@dataclass(frozen=True, slots=True)
class Revision:
    """How often the tokens and the sites were changed. Never decreases."""

    tokens: int
    sites: int


@dataclass(frozen=True, slots=True)
class AccessList:
    """Who may upload and who may embed, at one revision.

    `tokens` includes revoked and expired ones, oldest first. `sites` are
    canonical patterns in alphabetical order.
    """

    revision: Revision
    tokens: tuple[Token, ...]
    sites: tuple[str, ...]


class AccessCatalog(ABC):
    """Tokens and sites. Every change increments their revision in the same transaction."""

    @abstractmethod
    def revision(self) -> Revision:
        """Return the current revision; cheap enough to call every second."""

    @abstractmethod
    def read(self) -> AccessList:
        """Return all tokens and sites as of one moment."""

    @abstractmethod
    def add_token(self, token: Token) -> None:
        """Record a new token; it replaces a revoked one of the same name.

        Raises BadName when the name or the token itself is in use.
        """

    @abstractmethod
    def revoke_token(self, name: str, *, now: int) -> bool:
        """Make the token invalid from now on. Returns False when it was revoked before.

        Raises NoSuchObject when no token has this name.
        """

    @abstractmethod
    def note_use(self, token: Token, *, now: int) -> Future[None]:
        """Record that the token was used at `now`. Does not change the revision."""

    @abstractmethod
    def add_site(self, pattern: str, *, now: int) -> bool:
        """Allow a canonical pattern. Returns False when it was allowed before."""

    @abstractmethod
    def remove_site(self, pattern: str) -> bool:
        """Stop allowing a canonical pattern. Returns False when it was not on the list."""
