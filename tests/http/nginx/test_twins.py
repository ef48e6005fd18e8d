"""nginx and Python read the same headers the same way, and decide the same."""

import os
import re
from collections import Counter
from collections.abc import Iterator

import pytest

from authsvc.verdict.embedder import DEFAULT_EDITOR_AGENTS, HIDDEN, INVALID, NONE, embedder_of
from authsvc.verdict.policy import Rules, decide
from authsvc.verdict.sites import SiteSet
from tests.support.nginx.header_sets import HeaderSet, by_hand, generated
from tests.support.nginx.site_list import change_sites, map_of, wait_for_status
from tests.support.nginx.wire import Wire
from tests.support.pictures import picture
from tests.support.stack import Stack, wait_until

SITES = ("*.example.com", "example.org", "xn--bcher-kva.de", "[2001:db8::1]", "a_b.example", "default", "include")
GENERATED = 1500
SEED = 2018
# So many and so long that they do not fit into one pattern.
OWN_AGENTS = (
    "R2D2 (a.b)[c]{d}|e+f?^g",
    "*Ink*/9$",
    *(letter + "." * 199 for letter in "abcdefghijklmno"),
    "100%$$ #;'x",
)

RULES = Rules(
    sites=SiteSet.of((*SITES, "127.0.0.1", "[::1]")),
    own_hosts=frozenset({"localhost", "img.own.example"}),
    allows_empty=True,
    allows_hidden=False,
)


@pytest.fixture(scope="module")
def twin() -> Iterator[Stack]:
    """A stack whose list of sites no other test changes, without localhost on it."""
    with Stack(extra_hosts="img.own.example") as running:
        change_sites(running, add=SITES, remove=["localhost"])
        wait_until(lambda: "\\include 1;" in map_of(running), "nginx's map has the sites")
        wait_for_status(running, running.upload(picture()), "include", 200)
        yield running


def as_python_sees(header_set: HeaderSet) -> dict[str, str]:
    """Return the headers by lower-case name, as nginx's parser delivers them."""
    return {name.lower(): value.strip(" ") for name, value in header_set}


def read_all(stack: Stack, sets: list[HeaderSet]) -> list[tuple[str, bool]]:
    """Read one picture with each set; return nginx's word and whether it was shown.

    Every read has an address of its own, by which the log's line is found.
    """
    blobs = stack.data_dir / "blobs"
    original = blobs / stack.upload(picture()).removeprefix("/")
    statuses = []
    with Wire(stack.port) as wire:
        for number, header_set in enumerate(sets):
            link = blobs / "00" / f"{number:030x}.png"
            link.unlink(missing_ok=True)
            os.link(original, link)
            statuses.append(wire.ask(f"/00/{number:030x}.png", header_set).status)
    assert set(statuses) <= {200, 403}
    words = wait_until(lambda: _logged_words(stack, len(sets)), "the log has a line for every read")
    return [(words[number], status == 200) for number, status in enumerate(statuses)]


def _logged_words(stack: Stack, count: int) -> dict[int, str]:
    text = (stack.data_dir / "log" / "access.log").read_text()
    lines = re.findall(r'"GET /00/([0-9a-f]{30})\.png" \d+ \d+ [0-9.]+ (.*)$', text, re.MULTILINE)
    words = {int(number, 16): word for number, word in lines}
    return words if len(words) >= count else {}


@pytest.mark.parametrize("sets", [by_hand(), generated(GENERATED, seed=SEED)], ids=["made by hand", "generated"])
def test_nginx_and_python_agree_on_word_and_verdict(twin: Stack, sets: list[HeaderSet]) -> None:
    (twin.data_dir / "log" / "access.log").write_text("")
    found = read_all(twin, sets)
    expected = []
    for header_set in sets:
        word = embedder_of(as_python_sees(header_set), editor_agents=DEFAULT_EDITOR_AGENTS)
        expected.append((word, decide(word, RULES).allowed))
    differing = [(s, f, e) for s, f, e in zip(sets, found, expected, strict=True) if f != e]
    assert differing == []
    kinds = Counter(word if word in {NONE, HIDDEN, INVALID} else allowed for word, allowed in found)
    assert min(kinds[kind] for kind in (NONE, HIDDEN, INVALID, True, False)) >= 20, kinds


def test_no_byte_beside_the_telling_words_makes_a_hidden_page_look_like_none(twin: Stack) -> None:
    """The other word of the metadata may be anything that a header can contain."""
    (twin.data_dir / "log" / "access.log").write_text("")
    texts = [f"a{chr(byte)}b" for byte in range(1, 256) if chr(byte) not in "\r\n"]
    values = [("same-site", "no-cors", text) for text in texts] + [("cross-site", text, "iframe") for text in texts]
    names = ("Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest")
    sets: list[HeaderSet] = [tuple(zip(names, words, strict=True)) for words in values]
    pythons = {embedder_of(as_python_sees(header_set), editor_agents=()) for header_set in sets}
    assert pythons == {HIDDEN}
    assert set(read_all(twin, sets)) == {(HIDDEN, False)}


def test_nginx_and_python_agree_on_configured_editors() -> None:
    agents = [
        agent.rstrip("$").replace("*", fill) + end
        for agent in OWN_AGENTS
        for fill in ("", "x y", "\xfc")
        for end in ("", "z")
    ]
    sets: list[HeaderSet] = [(("Origin", "null"), ("User-Agent", agent)) for agent in (*agents, "Electron/1", "R2D2")]
    with Stack(editor_agents=OWN_AGENTS) as stack:
        found = read_all(stack, sets)
    expected = [embedder_of(as_python_sees(header_set), editor_agents=OWN_AGENTS) for header_set in sets]
    assert [word for word, _ in found] == expected
    assert {word for word, _ in found} == {NONE, HIDDEN}
