"""Which waiting job runs next. No clock, no tasks: `queue` waits, and asks this.

A worker cannot be interrupted, and a job may take as long as `decode_timeout`. So
what has to start soon needs a worker that is still free:

- Uploads start before sizes, and sizes use only the usual number of workers. An
  upload finds another worker even if all of these make sizes.
- One token's uploads use only the usual number of workers, too. Another token's
  upload finds another worker even if these decode slow pictures.
- Of several owners, the one with the fewest running jobs is next, then the one
  that did not have its turn for the longest time. The jobs of one owner start in
  the order in which they came.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final

EXTRA_WORKERS: Final = 2
"""Workers above the usual number, each for an upload whose owner has no other upload running. One more owner of slow
pictures than this can still delay the others."""


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """The place of one job in the queue, and then at a worker."""

    owner: str
    """The token or the reader that the job is for."""
    is_upload: bool
    """Otherwise it makes a size."""


class Scheduler:
    """Schedules jobs for `workers` workers, or EXTRA_WORKERS more.

    At most `max_uploads` uploads and `max_sizes` sizes wait. If so many wait, an owner of whom
    none waits may still add one, up to twice the number: one owner cannot keep the others out.
    """

    def __init__(self, workers: int, *, max_uploads: int, max_sizes: int) -> None:
        self.workers: Final = workers
        self._max_waiting = {True: max_uploads, False: max_sizes}
        self._waiting: list[Place] = []
        self._uploads: Counter[str] = Counter()
        self._sizes: Counter[str] = Counter()

    @property
    def max_workers(self) -> int:
        """The largest number of jobs that run at once."""
        return self.workers + EXTRA_WORKERS

    def add(self, place: Place) -> bool:
        """Let a job wait, unless it may run at once or too many wait; return False if too many wait."""
        same_kind = [other for other in self._waiting if other.is_upload == place.is_upload]
        limit = self._max_waiting[place.is_upload]
        if len(same_kind) >= limit and not self._may_run(place):
            is_first = all(other.owner != place.owner for other in same_kind)
            if not is_first or len(same_kind) >= 2 * limit:
                return False
        self._waiting.append(place)
        return True

    def start_next(self) -> Place | None:
        """Start the job that is next, and return its place; None if no waiting job may run now."""
        allowed = [place for place in self._waiting if self._may_run(place)]
        # `min` returns the first of several: the list is in the order of turns.
        place = min(allowed, key=lambda each: (not each.is_upload, self._running(each)), default=None)
        if place is not None:
            self._waiting.remove(place)
            self._counter(place)[place.owner] += 1
            # The owner had its turn. The sort is stable: its own jobs, and those of the others, stay in order.
            self._waiting.sort(key=lambda each: each.owner == place.owner)
        return place

    def end(self, place: Place) -> None:
        """Note that a running job has ended."""
        counter = self._counter(place)
        counter[place.owner] -= 1
        if not counter[place.owner]:
            del counter[place.owner]

    def withdraw(self, place: Place) -> None:
        """Remove a job that waits."""
        self._waiting.remove(place)

    def _may_run(self, place: Place) -> bool:
        is_first_upload = place.is_upload and not self._running(place)
        limit = self.max_workers if is_first_upload else self.workers
        return self._uploads.total() + self._sizes.total() < limit

    def _running(self, place: Place) -> int:
        """Return how many jobs of this kind run for the same owner."""
        return self._counter(place)[place.owner]

    def _counter(self, place: Place) -> Counter[str]:
        return self._uploads if place.is_upload else self._sizes
