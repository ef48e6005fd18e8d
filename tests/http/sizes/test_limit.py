"""A reader may request a limited number of sizes that do not exist yet; beyond that the picture itself is sent."""

import io
import os
import time
from collections.abc import Iterator, Sequence

import pytest
from PIL import Image

from authsvc.model import WIDTHS
from tests.support.sizes.reading import Shown, jobs, shown
from tests.support.stack import Stack

BURST = 2
"""With this burst, a reader may request three sizes at once."""


def tiny_pictures(stack: Stack, count: int) -> list[str]:
    """Upload pictures whose sizes cost nothing to make: each is a link to the picture."""
    addresses = []
    for _ in range(count):
        file = io.BytesIO()
        Image.frombytes("RGB", (20, 20), os.urandom(1200)).save(file, "PNG")
        addresses.append(stack.upload(file.getvalue()))
    return addresses


@pytest.fixture(scope="module")
def limited() -> Iterator[Stack]:
    """A stack in which a reader may request three sizes, and then one each second.

    The tests name their readers as a trusted proxy does.
    """
    with Stack(size_rate=1, size_burst=BURST, trusted_proxies=["127.0.0.0/8"]) as running:
        yield running


def request_all(stack: Stack, readers: Sequence[str], pictures: Sequence[str]) -> tuple[dict[str, list[Shown]], float]:
    """Let every reader request sizes that do not exist, and return the answers and how many seconds this took.

    The readers take turns. Each requests all sizes of its own pictures.
    """
    answers: dict[str, list[Shown]] = {reader: [] for reader in readers}
    begun = time.monotonic()
    for width in WIDTHS:
        for picture, reader in zip(pictures, readers, strict=True):
            answers[reader].append(shown(stack, f"{picture}?w={width}", X_Forwarded_For=reader))
    return answers, time.monotonic() - begun


def made(answers: Sequence[Shown]) -> int:
    """Return how many of the answers are sizes; the others are the picture, which no browser keeps."""
    assert {answer.status for answer in answers} == {200}
    assert all(answer.is_kept or answer.headers["cache-control"] == "no-store" for answer in answers)
    return sum(answer.is_kept for answer in answers)


def test_page_with_fifty_pictures_in_all_sizes_is_not_limited() -> None:
    with Stack() as stack:
        addresses = [f"{picture}?w={width}" for picture in tiny_pictures(stack, 50) for width in WIDTHS]
        answers = [shown(stack, address) for address in addresses]
    assert made(answers) == len(addresses) == 300


def test_flood_from_one_address_gets_the_picture_itself_and_makes_no_sizes(limited: Stack) -> None:
    (picture,) = tiny_pictures(limited, 1)
    before = jobs(limited, "linked")
    found, seconds = request_all(limited, ["198.51.100.1"], [picture])
    answers = found["198.51.100.1"]
    assert BURST + 1 <= made(answers) <= BURST + 1 + seconds
    assert jobs(limited, "linked") - before == made(answers)
    assert len({answer.content for answer in answers}) == 1


def test_limited_reader_gets_the_sizes_that_exist(limited: Stack) -> None:
    picture, other = tiny_pictures(limited, 2)
    shown(limited, f"{other}?w=320", X_Forwarded_For="198.51.100.3")
    request_all(limited, ["198.51.100.2"], [picture])
    assert shown(limited, f"{other}?w=320", X_Forwarded_For="198.51.100.2").is_kept


@pytest.mark.parametrize(
    "readers",
    [
        pytest.param(["198.51.100.10", "198.51.100.11"], id="IPv4"),
        pytest.param(["2001:db8:0:1::1", "2001:db8:0:2::1"], id="two IPv6 networks"),
        pytest.param(["2001:db8:0:3::1", "198.51.100.12"], id="IPv6 and IPv4"),
        pytest.param(["::ffff:198.51.100.13", "::ffff:198.51.100.14"], id="IPv4 on an IPv6 socket"),
        pytest.param(["2001:db8:a0a:a0a::1", "2001:db8:a0a:0d0a::1"], id="IPv6 with bytes of line ends"),
    ],
)
def test_flood_from_one_address_does_not_limit_another(limited: Stack, readers: list[str]) -> None:
    answers, _ = request_all(limited, readers, tiny_pictures(limited, len(readers)))
    assert all(made(answers[reader]) > BURST for reader in readers)


@pytest.mark.parametrize(
    "readers",
    [
        pytest.param([f"2001:db8:1:1::{number}" for number in range(1, 7)], id="one IPv6 network"),
        pytest.param([f"2001:db8:1:2:{number:x}{number:x}::a00" for number in range(1, 7)], id="all 64 bits differ"),
        pytest.param(["198.51.100.20", "::ffff:198.51.100.20"] * 3, id="one IPv4 address, written in two ways"),
    ],
)
def test_addresses_of_one_reader_share_the_limit(limited: Stack, readers: list[str]) -> None:
    names = list(dict.fromkeys(readers))
    answers, seconds = request_all(limited, names, tiny_pictures(limited, len(names)))
    assert sum(made(answers[name]) for name in names) <= BURST + 1 + seconds


def test_flood_of_pictures_that_do_not_exist_gets_the_missing_placeholder(limited: Stack) -> None:
    addresses = [f"/00/{number:030x}.png?w=320" for number in range(8)]
    answers = [limited.get(address, X_Forwarded_For="198.51.100.30") for address in addresses]
    assert {(answer.status_code, answer.content) for answer in answers} == {(404, limited.placeholder("missing.png"))}


def test_address_in_a_header_does_not_change_the_reader() -> None:
    with Stack(size_rate=1, size_burst=BURST) as stack:
        pictures = tiny_pictures(stack, 6)
        readers = [f"198.51.100.{number}" for number in range(6)]
        answers, seconds = request_all(stack, readers, pictures)
        assert sum(made(answers[reader]) for reader in readers) <= BURST + 1 + seconds
