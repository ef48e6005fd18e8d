"""Sequence headers of AV1 streams, bit by bit."""

import pytest

from authsvc.imaging.avif.av1 import Sequences, _Stream
from tests.support.imaging.avif_files import stream
from tests.support.imaging.real_pictures import SIZE

SIZE_BITS = "0110" + "0101" + f"{SIZE[0] - 1:07b}" + f"{SIZE[1] - 1:06b}"
TIMING = "1" + f"{1000:032b}" + f"{60_000:032b}"
NO_DISPLAY_DELAY, ONE_POINT = "0", "00000"
POINT = f"{0:012b}" + "00111"


def unit(bits: str, kind: int = 1) -> bytes:
    """Return a unit of these bits, a sequence header unless `kind` is another."""
    content = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")
    return bytes([kind << 3 | 2, len(content)]) + content


def sequence(*parts: str) -> bytes:
    """Return a sequence header without the reduced form: profile, still picture, these parts, a size."""
    return unit("000" + "0" + "0" + "".join(parts) + SIZE_BITS)


def sizes(content: bytes) -> set[tuple[int, int]]:
    return Sequences(content).frame_sizes([range(len(content))])


HEADERS = {
    "reduced": unit("000" + "1" + "1" + "00000" + SIZE_BITS),
    "no timing": sequence("0", NO_DISPLAY_DELAY, ONE_POINT, POINT),
    "timing": sequence(TIMING, "0", "0", NO_DISPLAY_DELAY, ONE_POINT, POINT),
    "equal intervals": sequence(TIMING, "1", "1", "0", NO_DISPLAY_DELAY, ONE_POINT, POINT),
    "intervals of six bits": sequence(TIMING, "1", "00000" + "1" + "10101", "0", NO_DISPLAY_DELAY, ONE_POINT, POINT),
    "intervals of 31 bits": sequence(TIMING, "1", "0" * 31 + "1" + "1" * 31, "0", NO_DISPLAY_DELAY, ONE_POINT, POINT),
    "decoder model": sequence(
        TIMING, "0", "1", f"{9:05b}" + f"{1:032b}" + f"{3:05b}" + f"{3:05b}", NO_DISPLAY_DELAY, ONE_POINT, POINT,
        "1" + "1" * 10 + "0" * 10 + "1",
    ),
    "decoder model that its point does not use": sequence(
        TIMING, "0", "1", f"{9:05b}" + f"{1:032b}" + f"{3:05b}" + f"{3:05b}", NO_DISPLAY_DELAY, ONE_POINT, POINT, "0"
    ),
    "tier": sequence("0", NO_DISPLAY_DELAY, ONE_POINT, f"{0:012b}" + "01000" + "1"),
    "display delay": sequence("0", "1", "00001", POINT, "1" + "0110", POINT, "0"),
    "32 points": sequence("0", NO_DISPLAY_DELAY, "11111", POINT * 32),
}  # fmt: skip
"""A header of each form that section 5.5 allows."""


@pytest.mark.parametrize("content", HEADERS.values(), ids=HEADERS.keys())
def test_size_is_found_in_every_form_of_header(content: bytes) -> None:
    assert sizes(content) == {SIZE}


@pytest.mark.parametrize("content", HEADERS.values(), ids=HEADERS.keys())
def test_header_that_is_cut_off_has_no_size(content: bytes) -> None:
    for length in range(len(content)):
        assert not sizes(content[:length])
    assert not sizes(bytes([content[0], content[1] + 1]) + content[2:])


@pytest.mark.parametrize("zeros", [32, 33, 64], ids="{} zeros".format)
def test_header_with_an_ambiguous_number_is_ignored(zeros: int) -> None:
    for more in ("", "1" * zeros):
        assert not sizes(sequence(TIMING, "1", "0" * zeros + "1" + more, "0", NO_DISPLAY_DELAY, ONE_POINT, POINT))


def test_header_of_an_encoder_has_its_size() -> None:
    for size in (SIZE, (1, 1), (300, 200)):
        assert sizes(stream(size)) == {size}


def test_every_header_counts_up_to_the_first_damage() -> None:
    first, second, third = stream(SIZE), stream((64, 65)), stream((66, 67))
    assert sizes(first + second + b"\x0a\x7f" + third) == {SIZE, (64, 65)}


@pytest.mark.parametrize("form", ["with an extension", "without a length", "with a long length"])
def test_unit_header_may_have_other_forms(form: str) -> None:
    header, length, content = 0x0A, HEADERS["reduced"][1], HEADERS["reduced"][2:]
    begin = {
        "with an extension": bytes([header | 4, 0x20, length]),
        "without a length": bytes([header & ~2]),
        "with a long length": bytes([header, length | 0x80, *[0x80] * 6, 0]),
    }[form]
    assert sizes(unit("0", kind=2) + begin + content) == {SIZE}


def test_length_of_more_than_eight_bytes_ends_the_stream() -> None:
    assert not sizes(bytes([0x0A, 0x8B, *[0x80] * 7, 0]) + HEADERS["reduced"][2:])


def test_stream_may_be_in_many_places() -> None:
    content = b"".join(bytes([byte, 0xFF]) for byte in stream(SIZE))
    places = [range(at, at + 1) for at in range(0, len(content), 2)]
    empty = [range(at, at) for at in range(20_000)]
    assert Sequences(content).frame_sizes([*empty, *places, *empty]) == {SIZE}
    assert not Sequences(content).frame_sizes(empty)


def test_empty_places_are_dropped_once() -> None:
    assert len(_Stream(b"content", [range(0), range(3), range(7, 7), range(3, 7)])._places) == 2
