"""What a check says."""

import enum
from dataclasses import dataclass


class State(enum.Enum):
    """How bad it is: WARNING will be an error one day, ERROR is one now."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `fix` is the command that helps, or ""."""

    check: str
    state: State
    text: str
    fix: str = ""


def fine(check: str, text: str) -> Finding:
    """All is as it should be."""
    return Finding(check, State.OK, text)


def warning(check: str, text: str, *, fix: str) -> Finding:
    """It works, but will not for ever."""
    return Finding(check, State.WARNING, text, fix)


def failure(check: str, text: str, *, fix: str) -> Finding:
    """It does not work."""
    return Finding(check, State.ERROR, text, fix)
