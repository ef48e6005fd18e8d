"""What a worker answers, and how the service reads it.

The service does not trust an answer, because a picture may have taken over the worker: it
accepts no other form and no other values than those that a worker's own code can answer.
"""

import json
import string
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from authsvc.errors import (
    AnswerError,
    Bomb,
    Corrupt,
    TooManyFrames,
    TooManyPixels,
    TooManyScans,
    Truncated,
    Unsupported,
)
from authsvc.imaging.decoder.job import Inspection, Job, SizeJob
from authsvc.imaging.limits import Limits
from authsvc.model import ImageType

MAX_TEXT_CHARACTERS: Final = 2000
"""The longest text in an answer: the end of a traceback. A reason about a picture has at most 200 characters."""

_REFUSALS: Final = {
    error.code: error for error in (Bomb, Corrupt, TooManyFrames, TooManyPixels, TooManyScans, Truncated, Unsupported)
}
_FIELDS: Final = {
    code: {name for _, name, _, _ in string.Formatter().parse(error.template) if name}
    for code, error in _REFUSALS.items()
}


@dataclass(frozen=True, slots=True)
class Accepted:
    """A picture that is within the limits and was decoded: its type, and width and height in pixels as shown.

    `clean_bytes` is the length of the written file; None: nothing has to be removed from the picture.
    """

    kind: ImageType
    width: int
    height: int
    clean_bytes: int | None

    def to_message(self) -> bytes:
        """Return the answer."""
        return json.dumps([self.kind, self.width, self.height, self.clean_bytes]).encode()


@dataclass(frozen=True, slots=True)
class Made:
    """A size was written, with this length in bytes."""

    size: int

    def to_message(self) -> bytes:
        """Return the answer."""
        return json.dumps([self.size]).encode()


@dataclass(frozen=True, slots=True)
class Bug:
    """An unexpected error in the worker."""

    traceback: str

    def to_message(self) -> bytes:
        """Return the answer, with the end of a long traceback."""
        return json.dumps({"bug": self.traceback[-MAX_TEXT_CHARACTERS:]}).encode()


Answer = Accepted | Made | Bug | AnswerError


def refusal_to_message(error: AnswerError) -> bytes:
    """Return the answer that refuses a picture."""
    return json.dumps({"refusal": error.code, "values": error.values}).encode()


def answer_from(message: bytes, job: Job, limits: Limits) -> Answer:
    """Return the answer to a job. Raises ValueError for a message that is not one."""
    try:
        fields = json.loads(message)
    except RecursionError as error:
        raise ValueError from error
    match fields:
        case [str(kind), int(width), int(height), int() | None as clean_bytes] if isinstance(job, Inspection):
            if min(width, height) > 0 and clean_bytes != 0:
                with suppress(TooManyPixels):
                    limits.check(width, height)
                    return Accepted(ImageType(kind), width, height, clean_bytes)
        case [int(size)] if isinstance(job, SizeJob) and size > 0:
            return Made(size)
        case {"refusal": str(code), "values": dict(values), **rest} if code in _REFUSALS and not rest:
            if values.keys() == _FIELDS[code] and all(map(_is_short, values.values())):
                return _REFUSALS[code](**values)
        case {"bug": str(traceback), **rest} if not rest and _is_short(traceback):
            return Bug(traceback)
    text = f"not an answer: {message[:80]!r}"
    raise ValueError(text)


def _is_short(value: object) -> bool:
    return isinstance(value, int) or (isinstance(value, str) and len(value) <= MAX_TEXT_CHARACTERS)
