"""Editors' previews hide the Referer and are let in by their User-Agent."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authsvc.verdict.embedder import DEFAULT_EDITOR_AGENTS, HIDDEN, INVALID, NONE, agent_pattern, embedder_of

CROSS_SITE_PICTURE = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"


def embedder(agent: str, **headers: str) -> str:
    return embedder_of({"user-agent": agent, **headers}, editor_agents=DEFAULT_EDITOR_AGENTS)


AGENTS = {
    "Typora": ("Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Typora/1.9 Chrome/120 Safari/537.36", NONE),
    "Obsidian": (
        "Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) obsidian/1.7 Chrome/128 Safari/537.36",
        NONE,
    ),
    "VS Code": ("Mozilla/5.0 (X11) Code/1.94 Chrome/124 Electron/30.5 Safari/537.36", NONE),
    "MWeb": ("MWeb/4.5 CFNetwork/1490", NONE),
    "bare WebKit view": ("Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko)", NONE),
    "Chrome": (CHROME, HIDDEN),
    "Safari": ("Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17 Safari/605.1.15", HIDDEN),
    "Firefox": ("Mozilla/5.0 (X11; rv:128.0) Gecko/20100101 Firefox/128.0", HIDDEN),
    "editor in other case": ("electron/30", HIDDEN),
    "no agent": ("", HIDDEN),
}


@pytest.mark.parametrize(("agent", "expected"), AGENTS.values(), ids=AGENTS.keys())
def test_hidden_referer_is_allowed_only_for_editors(agent: str, expected: str) -> None:
    assert embedder(agent, **CROSS_SITE_PICTURE) == expected
    assert embedder(agent, origin="null") == expected


def test_referer_of_an_editor_still_counts() -> None:
    assert embedder("Electron/30", referer="https://evil.example/") == "evil.example"
    assert embedder("Electron/30", referer="nonsense") == INVALID


def test_without_editor_agents_every_hidden_referer_is_hidden() -> None:
    assert embedder_of({**CROSS_SITE_PICTURE, "user-agent": "Electron/30"}, editor_agents=()) == HIDDEN


@pytest.mark.parametrize(
    "text",
    ["Web", "a*b*c", "    ", "***$", "Elec\n", "Elec\x7f", 'Elec"tron', "Elec\\tron", "Électron", "x" * 201, ""],
    ids=lambda text: repr(text)[:14],
)
def test_agent_entry_that_matches_almost_everything_or_breaks_nginx_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a usable piece of a User-Agent"):
        agent_pattern(text)


printable = st.text(st.sampled_from([chr(code) for code in range(32, 127)]), max_size=30)
literal = st.text(st.sampled_from(sorted(set(map(chr, range(32, 127))) - set('"\\*$'))), max_size=30)


@settings(deadline=None, max_examples=200)
@given(text=literal, before=printable, after=printable)
def test_agent_entry_without_special_characters_is_literal(text: str, before: str, after: str) -> None:
    text = f"Edit{text}"
    pattern = agent_pattern(text)
    assert re.search(pattern, before + text + after)
    assert bool(re.search(pattern, before)) is (text in before)


@pytest.mark.parametrize(
    ("entry", "agent", "is_found"),
    [
        ("View$", "App View", True),
        ("View$", "View App", False),
        ("View$", "View\n", False),
        ("App*View", "App 1.0 View", True),
        ("App*View", "AppView", True),
        ("App*View", "View App", False),
        ("App.View", "App View", False),
        ("App$View", "App$View", True),
    ],
    ids=[
        "at the end",
        "not at the end",
        "before a newline",
        "star for some",
        "star for none",
        "order",
        "dot",
        "dollar",
    ],
)
def test_special_characters_in_agent_entries(entry: str, agent: str, is_found: object) -> None:
    assert bool(re.search(agent_pattern(entry), agent)) is is_found
