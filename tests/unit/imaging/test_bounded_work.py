"""A file made of the smallest possible pieces takes little processor time and memory, or is refused."""

import tracemalloc
from collections import deque
from contextlib import suppress
from mmap import mmap

import pytest

from authsvc.errors import AnswerError
from authsvc.imaging.formats import HEAD_BYTES, sniff
from authsvc.imaging.icc import without_device
from authsvc.imaging.inspection import inspect, size_in_header
from authsvc.imaging.pieces import contents
from authsvc.imaging.png.frames import is_animated, later_frames
from authsvc.model import ImageType
from tests.support.experiments import promised, size
from tests.support.imaging.worst import png
from tests.support.imaging.worst.filling import Maker, profile
from tests.support.imaging.worst.table import FILES
from tests.support.limits import USUAL
from tests.support.processor_time import processor_seconds

MIB = 2**20
LARGEST = size(5, 20) * MIB
"""The largest accepted upload has 20 MiB. Most limits are reached with 5 MiB, too."""
COSTLY = [
    "JPEG, further pictures of comments",
    "PNG, compressed texts of one byte",
    "GIF, loops",
    "WEBP, chunks of odd length",
    "AVIF, pictures",
]
"""The files of each type from which the most objects are made."""
MEMORY_BYTES = 64 * MIB
GROWTH = 8
"""A file of four times the length takes four times as long in linear time, and 16 times in quadratic time."""


def seconds_allowed() -> float:
    """Return one second in a campaign, and a little more beside other processes, which share the caches."""
    return min(promised(1), 1.5)


def mapped(content: bytes) -> mmap:
    """Return the file as the service reads it."""
    data = mmap(-1, len(content))
    data.write(content)
    return data


def work(data: mmap, kind: ImageType, *, strips: bool) -> None:
    """Do everything that an upload needs, but write no file."""
    assert sniff(data[:HEAD_BYTES]) is kind
    with suppress(AnswerError):
        deque(contents(data, inspect(data, kind, USUAL, strips=strips).pieces), maxlen=0)


def read_header(data: mmap, kind: ImageType) -> None:
    with suppress(AnswerError):
        size_in_header(data, kind)


@pytest.mark.parametrize(("kind", "make"), FILES.values(), ids=FILES.keys())
def test_smallest_pieces_take_less_than_a_second(kind: ImageType, make: Maker) -> None:
    with mapped(make(LARGEST)) as data:
        ways = [
            lambda: work(data, kind, strips=True),
            lambda: work(data, kind, strips=False),
            lambda: read_header(data, kind),
        ]
        # The first does nearly everything that the others do.
        for way in ways[: size(1, 3)]:
            assert processor_seconds(way) < seconds_allowed()


@pytest.mark.parametrize(("kind", "make"), [FILES[name] for name in COSTLY], ids=COSTLY)
def test_memory_is_bounded(kind: ImageType, make: Maker) -> None:
    with mapped(make(20 * MIB)) as data:
        tracemalloc.start()
        try:
            work(data, kind, strips=True)
            assert tracemalloc.get_traced_memory()[1] < MEMORY_BYTES
        finally:
            tracemalloc.stop()


def decode(data: mmap) -> None:
    """Do what a decoder's process does besides decoding."""
    assert is_animated(data[: 8 * MIB])
    with suppress(AnswerError):
        deque(later_frames(data), maxlen=0)


@pytest.mark.parametrize("make", png.ANIMATED.values(), ids=png.ANIMATED.keys())
def test_frames_of_a_png_are_read_in_time_that_is_proportional_to_the_length(make: Maker) -> None:
    with mapped(make(LARGEST // 4)) as short, mapped(make(LARGEST)) as long:
        before = processor_seconds(lambda: decode(short))
        spent = processor_seconds(lambda: decode(long))
        assert spent < seconds_allowed()
        assert spent < GROWTH * max(before, 0.001)


@pytest.mark.parametrize("step", [0, 1, 4000], ids=["all at the same place", "one after another", "far apart"])
def test_tags_of_a_profile_take_time_that_is_proportional_to_their_number(step: int) -> None:
    few, many = profile(4000, 250, step=step), profile(20_000, 1000, step=step)
    before = processor_seconds(lambda: without_device(few))
    assert processor_seconds(lambda: without_device(many)) < GROWTH * before
