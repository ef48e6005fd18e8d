"""What a check says."""

import enum
from dataclasses import dataclass


class State(enum.Enum):
    """How bad it is: WARNING will be a fault one day, FAULT is one now."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `mend` is the command that helps, or ""."""

    check: str
    state: State
    text: str
    mend: str = ""


def fine(check: str, text: str) -> Finding:
    """All is as it should be."""
    return Finding(check, State.OK, text)


def warning(check: str, text: str, *, mend: str) -> Finding:
    """It works, but will not for ever."""
    return Finding(check, State.WARNING, text, mend)


def fault(check: str, text: str, *, mend: str) -> Finding:
    """It does not work."""
    return Finding(check, State.FAULT, text, mend)
