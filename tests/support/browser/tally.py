"""Count wrong results of a browser, and how often they differ between runs."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from tests.support.browser.case import Case
from tests.support.experiments import report, size

RUNS: Final = size(1, 3)
"""How often all cases run, each time in a fresh browser."""


@dataclass
class Tally:
    """The results of each case, one per run: whether it was right."""

    browser: str
    version: str = ""
    outcomes: defaultdict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))

    @contextmanager
    def counting(self, case: Case) -> Iterator[None]:
        """Count the block as right unless it raises."""
        is_right = False
        try:
            yield
            is_right = True
        finally:
            self.outcomes[case.name].append(is_right)

    def report(self) -> None:
        """Report the sums: `wrong` counts cases that were never right, `flaky` cases that were right in some runs."""
        outcomes = self.outcomes.values()
        report(
            f"browser: {self.browser}",
            version=self.version,
            cases=len(outcomes),
            runs=max(map(len, outcomes), default=0),
            wrong=sum(not any(each) for each in outcomes),
            flaky=sum(any(each) and not all(each) for each in outcomes),
        )
