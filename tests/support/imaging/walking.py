"""Helpers for the tests of every walker: damage a file and walk through it."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from authsvc.errors import AnswerError
from authsvc.imaging.limits import Limits
from tests.support.limits import USUAL

T = TypeVar("T")


def outcomes_of(walk: Callable[[bytes, Limits], T]) -> Callable[[bytes], T | AnswerError]:
    """Return a function that returns a walker's structure or refusal; any other exception is raised."""

    def outcome(content: bytes) -> T | AnswerError:
        try:
            return walk(content, USUAL)
        except AnswerError as error:
            return error

    return outcome


def each_byte_changed(content: bytes, flip: int) -> Iterator[bytes]:
    """Yield the file once for each of its bytes, with these bits of the byte flipped."""
    for at in range(len(content)):
        damaged = bytearray(content)
        damaged[at] ^= flip
        yield bytes(damaged)
