"""What the tests of every walker do: spoil a file, and see what comes of it."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from authsvc.errors import AnswerError
from authsvc.imaging.limits import Limits
from tests.support.limits import USUAL

T = TypeVar("T")


def outcomes_of(walk: Callable[[bytes, Limits], T]) -> Callable[[bytes], T | AnswerError]:
    """Return a function that gives a walker's structure or refusal; any other failure comes through."""

    def outcome(content: bytes) -> T | AnswerError:
        try:
            return walk(content, USUAL)
        except AnswerError as error:
            return error

    return outcome


def each_byte_spoilt(content: bytes, flip: int) -> Iterator[bytes]:
    """Yield the file once for each of its bytes, in which these bits are turned."""
    for at in range(len(content)):
        spoilt = bytearray(content)
        spoilt[at] ^= flip
        yield bytes(spoilt)
