"""Which tests one worker runs together, and in which order: the longest files first.

`make durations` records how long each file takes in tests/durations.json.
"""

import json
from collections import defaultdict
from pathlib import Path
from statistics import median

import pytest
from xdist.scheduler import LoadScopeScheduling

RECORD = Path(__file__).parents[1] / "durations.json"


def scope_of(nodeid: str) -> str:
    """Return the file of a test: its tests share costly fixtures."""
    return nodeid.partition("::")[0]


class Scheduling(LoadScopeScheduling):
    """Gives each worker a whole scope at a time.

    Not pytest-xdist's loadgroup: version 3.8 marks a test's group in a field
    that pytest 9.2 no longer reads, so tests of a group go to any worker.
    """

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


def longest_first(items: list[pytest.Item]) -> None:
    """Sort tests by the recorded duration of their scope; the order within a scope does not change.

    A file that is not recorded yet counts as one of median length.
    """
    recorded = json.loads(RECORD.read_text())
    usual = median(recorded.values())

    def place(item: pytest.Item) -> tuple[float, str]:
        scope = scope_of(item.nodeid)
        return -recorded.get(scope, usual), scope

    items.sort(key=place)


_NEEDS = {
    "stack": "needs_nginx",
    "nginx": "needs_nginx",
    "running": "needs_nginx",
    "album": "needs_nginx",
    "behind": "needs_nginx",
    "network": "needs_root",
    "full_store": "needs_root",
}
"""The marker for each fixture. Other tests that need root or nginx are marked one by one."""


def mark_needs(item: pytest.Item) -> None:
    """Mark a test whose fixtures start nginx or need root; `make test-fast` leaves it out."""
    if isinstance(item, pytest.Function):
        for name in _NEEDS.keys() & set(item.fixturenames):
            item.add_marker(_NEEDS[name])


class Recorder:
    """Writes the durations of a whole run, in tenths of a second."""

    def __init__(self) -> None:
        self._seconds = defaultdict[str, float](float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add one phase of a test."""
        self._seconds[scope_of(report.nodeid)] += report.duration

    def pytest_sessionfinish(self) -> None:
        """Write the file."""
        longest = sorted(self._seconds.items(), key=lambda scope: (-round(scope[1], 1), scope[0]))
        RECORD.write_text(json.dumps({scope: round(seconds, 1) for scope, seconds in longest}, indent=0) + "\n")
