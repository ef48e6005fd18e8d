"""One experiment: a fault under load, and the answers to all requests during it."""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from authsvc.backends import opened, prepare_data_dir
from authsvc.errors import AnswerError
from authsvc.times import TIMES, Times
from tests.support.experiments import FULL, p99_limit_ms, p99_ms, report, size
from tests.support.faults.service import Ending
from tests.support.faults.underload import ALLOWED, STRANGERS, Load, Record, now
from tests.support.nginx.site_list import access_of, settings_of
from tests.support.nginx.wire import Wire
from tests.support.pictures import picture
from tests.support.stack import Stack

SITES = ("blog.example", "www.blog.example", "deep.down.wild.example")
PATTERNS = ("blog.example", "www.blog.example", "*.wild.example")
READS = size(300, 8000)
"""Allowed reads that have to be answered during each fault, and half as many before it."""
SOON_SECONDS = 3.0
"""The time after each fault is also checked separately, so that quiet times cannot hide a slow one."""
SAMPLE = 300
"""The number of reads that a p99 needs; of fewer, as in the reduced form, it is little more than the slowest."""
SUMMED = (
    "reads", "failed", "asked_again", "uploads", "moments", "moments_with_uploads", "in_flight", "refused",
    "uploads_failed", "lost", "strangers", "strangers_otherwise",
)  # fmt: skip
"""The figures that make sense for all experiments together."""

TALLY: dict[str, dict[str, float]] = {}
"""The figures of every experiment of this process, by its name."""


@dataclass
class Trial:
    """A stack with sites and pictures, ready for one fault under load."""

    stack: Stack
    folder: Path
    moments: list[float] = field(default_factory=list)
    pictures: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ending = Ending(self.stack, self.note_moment)

    def undergo(self, name: str, fault: Callable[[Load], None], *, refusals: Iterable[type[AnswerError]] = ()) -> None:
        """Run the load before, during and after `fault`; check every answer against the promise.

        Uploads may be refused in the ways of `refusals`, and only those that were
        under way or began during the fault. What is found is reported first and
        judged then, so that a bad run leaves no good figures behind.
        """
        self.moments.clear()
        with Load(self.stack, self.folder / "records", SITES, self.pictures) as load:
            load.go_on({"known": READS // 10})
            began = now()
            load.go_on({"known": READS // 2})
            since = now()
            fault(load)
            until = now()
            load.go_on({"known": READS // 4, "upload 200": 3, "newcomer": 3})
            records = load.finish()
        allowed = [record for record in records if record.kind in ALLOWED]
        strangers = [record for record in records if record.kind in STRANGERS]
        before = [r for r in allowed if r.started >= began and r.started + r.seconds < since]
        during = [r for r in allowed if since <= r.started < until]
        at_once = [r for r in during if any(0 <= r.started - moment < SOON_SECONDS for moment in self.moments)]
        is_sample = FULL or len(at_once) >= SAMPLE
        baseline = p99_ms(record.seconds for record in before)
        measured = (during, at_once) if is_sample else (during,)
        slow = max(p99_ms(record.seconds for record in records) for records in measured)
        uploads = [record for record in records if record.kind == "upload"]
        stored = [record for record in uploads if record.path]
        refused = [record for record in uploads if is_refused(record, refusals, since, until)]
        lost = lost_uploads(self.stack, stored)
        otherwise = [record for record in strangers if record.outcome != "403"]
        figures = {
            "reads": len(allowed),
            "reads_during": len(during),
            "failed": sum(record.outcome != "200" for record in allowed),
            "asked_again": sum(record.is_again for record in records),
            "p99_ms": round(slow, 1),
            "baseline_p99_ms": round(baseline, 1),
            "slowest_ms": round(1000 * max((record.seconds for record in during), default=0), 1),
            "uploads": len(stored),
            **self.uploads_at_moments(uploads),
            "refused": len(refused),
            "uploads_failed": len(uploads) - len(stored) - len(refused),
            "lost": len(lost),
            "strangers": len(strangers) - len(otherwise),
            "strangers_otherwise": len(otherwise),
        }
        report(f"faults: {name}", **figures)
        TALLY[name] = figures
        assert (figures["failed"], otherwise) == (0, []), Counter(f"{r.kind}: {r.outcome}" for r in records)
        assert figures["uploads_failed"] == 0, [r for r in uploads if not r.path and r not in refused][:5]
        assert not lost
        assert len(during) >= READS, f"only {len(during)} reads during the fault"
        assert slow < p99_limit_ms(baseline)
        if self.moments and not refusals:
            assert figures["moments_with_uploads"] * 2 >= len(self.moments), "uploads were hardly ever under way"

    def note_moment(self, moment: float | None = None) -> None:
        """Keep the moment of a fault, now unless it is given, to count the uploads that were under way."""
        self.moments.append(now() if moment is None else moment)

    def uploads_at_moments(self, uploads: Iterable[Record]) -> dict[str, int]:
        """Count the uploads that were under way at each of the moments; nothing for a fault that has none."""
        counts = Counter(dict.fromkeys(self.moments, 0))
        counts.update(moment for record in uploads for moment in self.moments if record.spans(moment))
        if not counts:
            return {}
        return {
            "moments": len(self.moments),
            "moments_with_uploads": sum(count > 0 for count in counts.values()),
            "in_flight": counts.total(),
        }


def fault_stack(data_dir: Path | None = None, *, times: Times = TIMES, **settings: object) -> Stack:
    """Return a stack without a limit of uploads, with sites and a token in its catalog; not started yet."""
    stack = Stack(
        data_dir=data_dir, times=times, upload_rate=1000, upload_burst=1000, max_concurrent_uploads=100, **settings
    )
    stack.data_dir.mkdir(exist_ok=True)
    stack.prepare()
    prepare_data_dir(settings_of(stack))
    with access_of(stack) as access:
        for pattern in PATTERNS:
            access.add_site(pattern, now=int(time.time()))
    return stack


def prepared(stack: Stack, folder: Path) -> Trial:
    """Give a running stack its pictures."""
    contents = [picture() for _ in range(8)] + [picture("PNG", (200, 160), compress_level=0) for _ in range(2)]
    return Trial(stack, folder, pictures={stack.upload(content): content for content in contents})


def is_refused(record: Record, refusals: Iterable[type[AnswerError]], since: float, until: float) -> bool:
    """Whether an upload was refused as it may be: by one of these codes, and at that time."""
    known = {f"{error.status} {error.code}" for error in refusals}
    return record.outcome in known and record.started <= until and record.started + record.seconds >= since


def lost_uploads(stack: Stack, uploads: Iterable[Record]) -> list[Record]:
    """Return the acknowledged uploads whose very bytes cannot be read or have no row."""

    def is_lost(record: Record) -> bool:
        with Wire(stack.port) as wire:
            answer = wire.ask(record.path)
        is_there = answer.status == 200 and hashlib.sha256(answer.body).hexdigest() == record.digest
        return not is_there or record.path not in rows

    uploads = list(uploads)
    rows = paths_with_rows(stack)
    with ThreadPoolExecutor(2) as readers:
        return [record for record, lost in zip(uploads, readers.map(is_lost, uploads), strict=True) if lost]


def paths_with_rows(stack: Stack) -> set[str]:
    """Return the addresses of all pictures that the catalog knows."""
    with opened(settings_of(stack)) as backends:
        return {image.key.path for image in backends.catalog.images.page(after=None, limit=1_000_000)}
