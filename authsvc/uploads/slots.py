"""How many uploads are in progress at once, and which token may begin another one."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from authsvc.errors import Busy


class UploadSlots:
    """Lets at most `limit` uploads be in progress.

    An owner that has none may still begin one, up to twice the limit: one owner cannot keep the others out.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken: Counter[str] = Counter()

    @property
    def taken(self) -> int:
        """The number of uploads in progress."""
        return self._taken.total()

    @contextmanager
    def take(self, owner: str) -> Iterator[None]:
        """Count an upload of this owner as in progress meanwhile. Raises Busy."""
        limit = self._limit if self._taken[owner] else 2 * self._limit
        if self.taken >= limit:
            raise Busy
        self._taken[owner] += 1
        try:
            yield
        finally:
            self._taken[owner] -= 1
            if not self._taken[owner]:
                del self._taken[owner]
