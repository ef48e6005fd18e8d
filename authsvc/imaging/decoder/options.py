"""The options of a worker, and how they become an argument of its program."""

import json
from dataclasses import asdict, dataclass
from typing import Self

from authsvc.imaging.limits import Limits


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """What a worker may do, and what it does with uploads.

    `memory_bytes` limits its address space, `result_bytes` the file of a result. `strips` removes metadata.
    """

    memory_bytes: int
    result_bytes: int
    limits: Limits
    strips: bool

    def to_argument(self) -> str:
        """Return all as one argument of the worker's program."""
        return json.dumps(asdict(self))

    @classmethod
    def from_argument(cls, argument: str) -> Self:
        """Read what `to_argument` returned."""
        fields = json.loads(argument)
        return cls(**fields | {"limits": Limits(**fields["limits"])})
