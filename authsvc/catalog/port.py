"""The ports of the catalog, and their contract.

Blocking, unless a method returns a future; call them on a thread, from any
number of threads and processes. What a method has changed when it returns, or
when its future is done, survives a power cut. Every method raises Busy when
the database stays locked, and DiskFull when it has no room.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from authsvc.errors import Collision
from authsvc.model import Digests, Image, Key, Token


class ImageCatalog(ABC):
    """Facts about stored blobs."""

    @abstractmethod
    def add_all(self, entries: Sequence[tuple[Image, Digests]]) -> Future[list[Image | Collision]]:
        """Record images, stored already, and what each was received as.

        The future gives, in their order, the recorded facts: those of the first
        upload when the same bytes are known, whose key may have another
        extension. A tombstone on them is lifted. A digest that is known with
        another SHA-256 gives a Collision and harms no other.
        """

    @abstractmethod
    def add(self, image: Image, received: Digests) -> Future[Image]:
        """Record one image; see `add_all`. The future raises Collision."""

    @abstractmethod
    def find_all(self, digests: Collection[str]) -> dict[str, Image]:
        """Return the images with these hex md5s, by them, without those that are being removed."""

    def find(self, digest: str) -> Image | None:
        """Return the image with this hex md5, or None, also when it is being removed."""
        return self.find_all([digest]).get(digest)

    @abstractmethod
    def find_all_received(self, sha256s: Collection[str]) -> dict[str, Image]:
        """Return the images that were once received with these hex SHA-256, by them, as `find_all`."""

    @abstractmethod
    def page(self, *, after: Key | None, limit: int) -> Sequence[Image]:
        """Return up to `limit` images, newest first, older than `after`.

        None starts at the newest. Raises NoSuchObject for an unknown `after`.
        """

    @abstractmethod
    def bury(self, key: Key, *, now: int) -> bool:
        """Put a tombstone on the image: the first step of its removal.

        Returns False when there is no such image.
        """

    @abstractmethod
    def forget(self, key: Key) -> Image | None:
        """Forget the image if it has a tombstone: the last step of its removal.

        Returns the image that is recorded under this very key afterwards, None
        when there is none any more, or was none. Writes only where there is a
        tombstone.
        """

    @abstractmethod
    def buried(self) -> Sequence[Key]:
        """Return the keys with a tombstone: removals under way or interrupted."""


@dataclass(frozen=True, slots=True)
class Revision:
    """How often the tokens and the sites have been changed. Never decreases."""

    tokens: int
    sites: int


@dataclass(frozen=True, slots=True)
class AccessList:
    """Who may upload and who may embed, at one revision.

    `tokens` has the revoked and expired ones too, oldest first; `sites` are
    canonical patterns in order.
    """

    revision: Revision
    tokens: tuple[Token, ...]
    sites: tuple[str, ...]


class AccessCatalog(ABC):
    """Tokens and sites. Every change raises their revision in one step with it."""

    @abstractmethod
    def revision(self) -> Revision:
        """Return the current revision; cheap enough to ask every second."""

    @abstractmethod
    def read(self) -> AccessList:
        """Return all tokens and sites as of one moment."""

    @abstractmethod
    def add_token(self, token: Token) -> None:
        """Record a new token; a revoked one of the same name makes way.

        Raises BadName when the name or the token itself is in use.
        """

    @abstractmethod
    def revoke_token(self, name: str, *, now: int) -> bool:
        """Make the token invalid from now on. False when it was so already.

        Raises NoSuchObject when no token has this name.
        """

    @abstractmethod
    def note_use(self, token: Token, *, now: int) -> Future[None]:
        """Record that the token was used at `now`. Raises no revision."""

    @abstractmethod
    def add_site(self, pattern: str, *, now: int) -> bool:
        """Allow a canonical pattern. False when it is allowed already."""

    @abstractmethod
    def remove_site(self, pattern: str) -> bool:
        """Disallow a canonical pattern. False when it was not on the list."""
