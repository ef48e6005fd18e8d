"""No address can read files beside the pictures."""

import random
from collections.abc import Iterator

import pytest

from tests.support.nginx.wire import Wire
from tests.support.stack import Stack

SECRET = b"canary-3f9c1e-never-to-be-served"
FUZZED = 3000
SEED = 2018

PLACES = (
    "tmp/canary.png", "catalog/canary.png", "run/canary.png", "log/canary.png", "nginx/canary.png",
    "nginx/conf/canary.png", "canary.png", "blobs/canary.png", "blobs/00/canary.png", "blobs/.canary.png",
    "blobs/00/000000000000000000000000000000.svg",
    "blobs/0/canary.png", "blobs/00/0000000000000000000000000000000.png", "acme/canary.png",
    "acme/.well-known/canary.png",
)  # fmt: skip
PIECES = (
    "..", ".", "", "%2e%2e", "%2E.", ".%2e", "..%2f", "%2f", "%5c", "..\\", "..;", "%252e%252e", "%c0%ae%c0%ae",
    "....", "00", "7b", "tmp", "catalog", "run", "log", "nginx", "conf", "blobs", "acme", "canary.png",
    "_picture", "_asked", "_placeholder", "_auth", "_error", "static", "etc", "passwd", "var", "tmp%00",
    "canary.png%00.png", "~root", ".git", ".well-known", "acme-challenge", "authsvc.toml", "catalog.sqlite3",
    "authsvc.sock", "service.pid", "access.log", "error.log", "000000000000000000000000000000.png",
    "0000000000000000000000000000000.png", "000000000000000000000000000000.svg",
)  # fmt: skip
STARTS = (
    "/",
    "/?path=",
    "/?path=/",
    "/_picture/",
    "/_picture/00/",
    "/_asked/",
    "/_asked/00/",
    "/00/",
    "/.well-known/acme-challenge/",
    "//",
    "/legacy?path=",
)
ENDS = ("", "/", ".png", "%00", "%00.png", "?w=160", "?", "#", "%0a", ";.png", "::$DATA", "%20", "&x=.png")


@pytest.fixture(scope="module")
def canaries(stack: Stack) -> Iterator[list[str]]:
    """Secret files in all parts of the data folder, readable for nginx's user."""
    placed = []
    for place in PLACES:
        target = stack.data_dir / place
        if not target.parent.exists():
            continue
        target.write_bytes(SECRET)
        target.chmod(0o644)
        placed.append(target)
    yield [str(target) for target in placed]
    for target in placed:
        target.unlink()


def made_up(canaries: list[str], count: int) -> list[str]:
    """Return addresses that try to reach the canaries, the same ones each time."""
    draw = random.Random(SEED)

    def twisted(target: str) -> str:
        way = draw.random()
        if way < 0.3:
            return target.replace("/", draw.choice(("//", "/./", "%2f", "/x/../", "\\", "/%2e/")))
        return "".join(f"%{ord(c):02x}" if draw.random() < 0.1 else c for c in target)

    def one() -> str:
        if draw.random() < 0.3:
            ups = draw.choice(("../", "..%2f", "%2e%2e/", "..%5c", "....//", "..;/")) * draw.randrange(8)
            body = ups + twisted(draw.choice((draw.choice(canaries), draw.choice(PLACES))))
        else:
            body = "/".join(draw.choice(PIECES) for _ in range(draw.randrange(1, 7)))
        return draw.choice(STARTS) + body + draw.choice(ENDS)

    return [one().replace(" ", "%20") for _ in range(count)]


def test_no_made_up_address_shows_a_file_beside_the_pictures(stack: Stack, canaries: list[str]) -> None:
    with Wire(stack.port) as wire:
        for target in made_up(canaries, FUZZED):
            answer = wire.ask(target)
            assert SECRET not in answer.body, target
            assert b"root:" not in answer.body, target
            assert answer.status in {400, 404}, target


def test_direct_addresses_of_other_files_show_nothing(stack: Stack, canaries: list[str]) -> None:
    assert len(canaries) >= 8
    with Wire(stack.port) as wire:
        for place in (*PLACES, *canaries):
            for start in ("/", "/?path=", "/?path=/", "/?path=%2F", "/_picture/", "/.well-known/acme-challenge/../"):
                answer = wire.ask(start + place.lstrip("/"))
                assert answer.status in {400, 404}, place
                assert SECRET not in answer.body, place


def test_folders_are_not_listed(stack: Stack) -> None:
    with Wire(stack.port) as wire:
        for target in (
            "/00",
            "/00/",
            "/blobs/",
            "/_picture/",
            "/_picture/00/",
            "/?path=/00/",
            "/?path=00",
            "/.well-known/",
        ):
            assert wire.ask(target).status == 404, target


def test_link_in_a_shard_is_an_address_like_any_other_only_with_a_keys_name(stack: Stack, canaries: list[str]) -> None:
    link = stack.data_dir / "blobs" / "00" / "linked.png"
    link.symlink_to(canaries[0])
    try:
        with Wire(stack.port) as wire:
            assert wire.ask("/00/linked.png").status == 404
    finally:
        link.unlink()
