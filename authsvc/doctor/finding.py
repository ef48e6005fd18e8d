"""The result of a check."""

import enum
from dataclasses import dataclass


class State(enum.Enum):
    """How serious it is: ERROR does not work now, WARNING will stop working one day."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked; `fix` is the command that fixes it, or ""."""

    check: str
    state: State
    text: str
    fix: str = ""


def fine(check: str, text: str) -> Finding:
    """Return a finding of something that works."""
    return Finding(check, State.OK, text)


def warning(check: str, text: str, *, fix: str) -> Finding:
    """Return a finding of something that works now, but will stop working."""
    return Finding(check, State.WARNING, text, fix)


def failure(check: str, text: str, *, fix: str) -> Finding:
    """Return a finding of something that does not work."""
    return Finding(check, State.ERROR, text, fix)
