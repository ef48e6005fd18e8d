"""Let the next worker run attacks in its place, through Python's own start: the product has no switch for this."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

ATTACKS = Path(__file__).with_name("attacks.py")
REFUSED = {"EPERM", "EACCES", "ENOSYS", "ENOTTY", "unable to open database file"}
"""ENOSYS and ENOTTY only for two calls, for which libraries need them."""


@dataclass(frozen=True)
class Outcomes:
    """What the attacks achieved: for each attempt and each number of a system call "done" or the name of an error."""

    attempts: dict[str, str]
    numbers: dict[int, str]
    start_a_thread: str

    @classmethod
    def read(cls, text: str) -> Self:
        found = json.loads(text)
        numbers = {int(number): outcome for number, outcome in found["numbers"].items()}
        return cls(found["attempts"], numbers, found["start a thread"])

    @property
    def done(self) -> set[str]:
        return {name for name, outcome in self.attempts.items() if outcome == "done"}

    @property
    def refused(self) -> set[str]:
        return {name for name, outcome in self.attempts.items() if outcome in REFUSED}


def lay(folder: Path, targets: Mapping[str, Any]) -> None:
    """Put the attacks into a folder of the path from which Python imports modules."""
    shutil.copy(ATTACKS, folder / "attacks.py")
    (folder / "attacks.json").write_text(json.dumps(targets))
