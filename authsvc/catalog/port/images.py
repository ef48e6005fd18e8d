"""The port of the image catalog."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from concurrent.futures import Future

from authsvc.errors import Collision
from authsvc.model import Digests, Image, Key


class ImageCatalog(ABC):
    """Facts about stored blobs."""

    @abstractmethod
    def add(self, image: Image, received: Digests) -> Future[Image | Collision]:
        """Record an image whose blob is stored, with the digests of the file that was received.

        The future's result is the facts in the catalog. Bytes that are known already keep the
        facts of their first upload; its key may have another extension. A tombstone on
        them is lifted. The result is a Collision for a digest that is known with another SHA-256: if it
        was raised, the other images of the same commit would have to be recorded again.
        """

    @abstractmethod
    def find(self, digest: str) -> Image | None:
        """Return the image with this hex md5; None if there is none, or if it is being removed."""

    @abstractmethod
    def find_all_received(self, sha256s: Collection[str]) -> dict[str, Image]:
        """Return the images that were received as files with these hex SHA-256s, by SHA-256, as `find` does."""

    @abstractmethod
    def page(self, *, after: Key | None, limit: int) -> Sequence[Image]:
        """Return up to `limit` images, newest first, that are older than `after`.

        None starts at the newest. Raises NoSuchObject for an unknown `after`.
        """

    @abstractmethod
    def bury(self, key: Key, *, now: int) -> bool:
        """Put a tombstone on the image: the first step of its removal.

        Returns False when there is no such image.
        """

    @abstractmethod
    def forget(self, key: Key) -> Image | None:
        """Delete the image's row if it has a tombstone: the last step of its removal.

        Returns the image that the catalog has under exactly this key
        afterwards, or None. Writes only if there is a tombstone.
        """

    @abstractmethod
    def buried(self) -> Sequence[Key]:
        """Return the keys with a tombstone: removals that are running or were interrupted."""
