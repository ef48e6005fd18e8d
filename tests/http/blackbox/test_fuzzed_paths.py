"""No possible address shows a file beside the pictures."""

import random
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from authsvc.model import KEY_PATH_PATTERN
from tests.support.blackbox.canaries import KEY, SECRET, SETTINGS, holds_secret, made_up, plant
from tests.support.blackbox.pipeline import Reply, ask_all, over_tcp, over_unix
from tests.support.experiments import report, size
from tests.support.fuzz.seed import seed
from tests.support.nginx.site_list import change_sites, map_of
from tests.support.nginx.wire import Wire
from tests.support.pictures import picture
from tests.support.stack import Stack, wait_until

SEED = seed(2018)
REFERERS = ("", "", "https://blog.example.com/", "https://stranger.example/", "nonsense")


class Watched:
    """A product full of secrets: in its settings, catalog, map, logs and beside its pictures."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        stack.cli("token", "add", SECRET)
        change_sites(stack, add=[f"{SECRET}.example", "blog.example.com"])
        wait_until(lambda: SECRET in map_of(stack) and "blog.example.com" in map_of(stack), "nginx's map has them")
        self.content = picture(seed=1)
        self.path = stack.upload(self.content)
        stack.get(self.path, Referer=f"https://{SECRET}.example/")
        self.places = plant(stack)
        self.catalog = [*(stack.data_dir / "catalog").glob("catalog.sqlite3*")]
        self.places += [*map(str, self.catalog), str(stack.data_dir / "run" / "sites.list")]
        self.shown = (stack.placeholder("hotlink.png"), stack.placeholder("missing.png"), self.content)

    def flaw(self, target: str, reply: Reply | None) -> str:
        """Return what is wrong with an answer of nginx, "" if nothing."""
        if reply is None:
            return ""
        if SECRET.encode() in reply.raw or b"root:" in reply.raw:
            return "secret"
        if "x-accel-redirect" in reply.headers:
            return "inner address"
        if reply.headers.get("content-type", "").startswith("image/") and reply.body not in self.shown:
            return "another picture"
        if reply.status == 200:
            # One picture may be asked for as it is; nothing else that is made up exists.
            is_right = reply.body == self.content and names_key(target, self.path)
            return "" if is_right else "shown"
        return "" if reply.status in {400, 403, 404, 431} else "status"


def names_key(target: str, path: str) -> bool:
    """Whether an address is one that means the picture at `path`."""
    return bool(re.fullmatch(rb"(?:http://localhost)?(?:/\?path=/?)?" + re.escape(path[1:].encode()),
                             unquote_to_bytes(target.removeprefix("/") if "?" not in target else target)))  # fmt: skip


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    folder = Path(tempfile.mkdtemp(prefix="asc-", dir="/tmp"))
    (folder / "authsvc.toml").write_text(SETTINGS)
    try:
        with Stack(data_dir=folder, upload_burst=1000) as running:
            yield Watched(running)
    finally:
        shutil.rmtree(folder)


def request(target: str, referer: str) -> bytes:
    extra = f"Referer: {referer}\r\n" if referer else ""
    return f"GET {target} HTTP/1.1\r\nHost: localhost\r\n{extra}\r\n".encode("latin-1")


def test_secrets_are_where_they_could_be_read(watched: Watched) -> None:
    assert any(map(holds_secret, watched.catalog))
    others = {Path(place) for place in watched.places} - set(watched.catalog)
    assert {place for place in others if not holds_secret(place)} == set()


@pytest.mark.timeout(600)
def test_no_made_up_address_shows_a_secret(watched: Watched) -> None:
    count = size(2_000, 50_000)
    draw = random.Random(SEED)
    targets = made_up(watched.places, watched.stack.data_dir, watched.path, count, seed=SEED)
    requests = [request(target, draw.choice(REFERERS)) for target in targets]
    replies = ask_all(over_tcp(watched.stack.port), requests)
    seen: Counter[str] = Counter()
    flaws: list[tuple[str, str]] = []
    for target, reply in zip(targets, replies, strict=True):
        seen["closed" if reply is None else f"answered_{reply.status}"] += 1
        if flaw := watched.flaw(target, reply):
            flaws.append((flaw, target))
    kinds = Counter(flaw for flaw, _ in flaws)
    wrong = kinds.total() - kinds["secret"]
    answers = dict(sorted(seen.items()))
    report("paths: asked of nginx", seed=str(SEED), asked=count, secrets=kinds["secret"], wrong=wrong, **answers)
    assert flaws == []
    assert seen["answered_404"] > count / 4
    assert seen["answered_403"] > 0


@pytest.mark.timeout(600)
def test_service_sends_nginx_to_nothing_but_a_key_that_was_asked_for(watched: Watched) -> None:
    count = size(2_000, 50_000)
    draw = random.Random(SEED + 1)
    targets = made_up(watched.places, watched.stack.data_dir, watched.path, count, seed=SEED + 1)
    values = [target.partition("path=")[2] or target for target in targets]
    # Often enough one that is almost right.
    values = [draw.choice((value, KEY, f"/{KEY}", f"{KEY}{value[-4:]}")) for value in values]
    socket_path = watched.stack.data_dir / "run" / "authsvc.sock"
    replies = ask_all(over_unix(socket_path), [request(f"/legacy?path={value}", "") for value in values])
    sent = 0
    elsewhere, wrong = [], []
    for value, reply in zip(values, replies, strict=True):
        if reply is None or reply.status not in {200, 400, 404} or SECRET.encode() in reply.body:
            wrong.append(value)
        elif to := reply.headers.get("x-accel-redirect"):
            sent += 1
            asked_for = unquote_to_bytes(re.split("[&#]", value)[0]).decode("latin-1").removeprefix("/")
            if not re.fullmatch(KEY_PATH_PATTERN, asked_for) or to != f"/_picture/{asked_for}":
                elsewhere.append((value, to))
    report(
        "old addresses: asked of the service",
        seed=str(SEED),
        asked=count,
        sent_to_a_key=sent - len(elsewhere),
        sent_elsewhere=len(elsewhere),
        wrong=len(wrong),
    )
    assert (elsewhere, wrong) == ([], [])
    assert 0 < sent < count


def test_direct_addresses_of_secrets_show_nothing(watched: Watched) -> None:
    root = f"{watched.stack.data_dir}/"
    starts = ("/", "/?path=", "/?path=/", "/?path=%2F", "/_picture/", "/_picture/../", "/_picture../", "/00/../",
              "/.well-known/acme-challenge/../")  # fmt: skip
    with Wire(watched.stack.port) as wire:
        for place in watched.places:
            for start in starts:
                answer = wire.ask(start + place.removeprefix(root))
                assert answer.status in {400, 404}, place
                assert SECRET.encode() not in answer.body, place


def test_key_that_exists_everywhere_but_in_the_store_is_missing(watched: Watched) -> None:
    with Wire(watched.stack.port) as wire:
        for target in (f"/{KEY}", f"/?path={KEY}", f"/?path=%2F{KEY}"):
            answer = wire.ask(target)
            assert (answer.status, answer.body) == (404, watched.shown[1])
