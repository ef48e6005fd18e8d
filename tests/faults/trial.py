"""One experiment: a fault under load, and what everybody was answered meanwhile."""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from authsvc.backends import opened, prepare_data_dir
from authsvc.errors import AnswerError
from authsvc.model import Scope, Token
from authsvc.tokens import fingerprint, new_token
from tests.campaign import FULL, report, size
from tests.faults.service import Ending
from tests.faults.underload import ALLOWED, STRANGERS, Load, Record, now, p99_ms
from tests.nginx.site_list import access_of, settings_of
from tests.nginx.wire import Wire
from tests.pictures import picture
from tests.stack import Stack

SITES = ("blog.example", "www.blog.example", "deep.down.wild.example")
PATTERNS = ("blog.example", "www.blog.example", "*.wild.example")
READS = size(300, 8000)
"""Allowed reads that have to be answered during each fault, and half as many before it."""
SLOWEST_MS = 2000.0
"""A bound for a machine that does many other things; a campaign compares with the baseline."""
MORE_MS = 50.0
SOON_SECONDS = 3.0
"""What comes after a moment of a fault is also looked at by itself, lest quiet times hide it."""


TALLY: dict[str, dict[str, float]] = {}
"""The figures of every experiment of this process, by its name."""


@dataclass
class Trial:
    """A stack with sites and pictures, ready for one fault under load."""

    stack: Stack
    folder: Path
    moments: list[float] = field(default_factory=list)
    pictures: dict[str, bytes] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    """What a fault has to report besides."""

    def __post_init__(self) -> None:
        self.ending = Ending(self.stack)

    def undergo(self, name: str, fault: Callable[[Load], None], *, refusals: Iterable[type[AnswerError]] = ()) -> None:
        """Have the load before, during and after `fault`; hold every answer to the promise.

        Uploads may be refused in the ways of `refusals`, and only those that were
        under way or began during the fault.
        """
        self.moments.clear()
        self.figures.clear()
        with Load(self.stack, self.folder / "records", SITES, self.pictures) as load:
            load.go_on({"known": READS // 10})
            began = now()
            load.go_on({"known": READS // 2})
            since = now()
            fault(load)
            until = now()
            load.go_on({"known": READS // 4, "upload 200": 3, "newcomer": 3})
            records = load.finish()
        assert_reads_unharmed(records)
        allowed = [record for record in records if record.kind in ALLOWED]
        before = [r for r in allowed if r.started >= began and r.started + r.seconds < since]
        during = [r for r in allowed if since <= r.started < until]
        at_once = [r for r in during if any(0 <= r.started - moment < SOON_SECONDS for moment in self.moments)]
        assert len(during) >= READS, f"only {len(during)} reads during the fault"
        baseline, slow = p99_ms(before), max(p99_ms(during), p99_ms(at_once))
        refused = refused_uploads(records, refusals, since, until)
        uploads = [record for record in records if record.kind == "upload" and record.path]
        lost = lost_uploads(self.stack, uploads)
        figures = {
            "reads": len(allowed),
            "reads_during": len(during),
            "failed": sum(record.outcome != "200" for record in allowed),
            "asked_again": sum(record.is_again for record in records),
            "p99_ms": round(slow, 1),
            "baseline_p99_ms": round(baseline, 1),
            "slowest_ms": round(1000 * max(record.seconds for record in during), 1),
            "uploads": len(uploads),
            "in_flight": self.in_flight(records),
            "refused": refused,
            "lost": len(lost),
            "strangers": sum(record.kind in STRANGERS for record in records),
            **self.figures,
        }
        report(f"faults: {name}", **figures)
        TALLY[name] = figures
        assert not lost
        assert slow < (baseline + MORE_MS if FULL else SLOWEST_MS)
        if self.moments and not refusals:
            assert self.in_flight(records), "no upload was under way when it happened"

    def note_moment(self) -> None:
        """Keep the moment of a fault, to count the uploads that were under way."""
        self.moments.append(now())

    def in_flight(self, records: Iterable[Record]) -> int:
        """Return how many uploads were under way at one of the moments."""
        return sum(any(r.spans(moment) for moment in self.moments) for r in records if r.kind == "upload")


def fault_stack(data_dir: Path | None = None, **settings: object) -> Stack:
    """Return a stack that takes any number of uploads, with sites and a token in its catalog; not started yet."""
    stack = Stack(data_dir=data_dir, upload_rate=1000, upload_burst=1000, max_concurrent_uploads=100, **settings)
    prepare_data_dir(settings_of(stack))
    text = new_token()
    stack._token = text  # its own would take a command
    with access_of(stack) as access:
        access.add_token(Token("load", fingerprint(text), Scope.UPLOAD, int(time.time())))
        for pattern in PATTERNS:
            access.add_site(pattern, now=int(time.time()))
    return stack


def prepared(stack: Stack, folder: Path) -> Trial:
    """Give a running stack its pictures."""
    contents = [picture() for _ in range(8)] + [picture("PNG", (200, 160), compress_level=0) for _ in range(2)]
    return Trial(stack, folder, pictures={stack.upload(content): content for content in contents})


def assert_reads_unharmed(records: Iterable[Record]) -> None:
    """Every allowed read got its picture, and every stranger the placeholder."""
    found = {
        "allowed": Counter(record.outcome for record in records if record.kind in ALLOWED),
        "strangers": Counter(record.outcome for record in records if record.kind in STRANGERS),
    }
    assert set(found["allowed"]) == {"200"}, found
    assert set(found["strangers"]) == {"403"}, found


def refused_uploads(
    records: Iterable[Record], refusals: Iterable[type[AnswerError]], since: float, until: float
) -> int:
    """Count the uploads that were refused, which may be only by these codes and at that time."""
    bad = [record for record in records if record.kind == "upload" and record.outcome != "200"]
    known = {f"{error.status} {error.code}" for error in refusals}
    outcomes = Counter(record.outcome for record in bad)
    assert set(outcomes) <= known, outcomes
    elsewhen = [record for record in bad if record.started > until or record.started + record.seconds < since]
    assert not elsewhen, elsewhen[:5]
    return len(bad)


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
