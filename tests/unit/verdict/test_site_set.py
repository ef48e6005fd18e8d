"""Which hosts a set of sites covers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authsvc.verdict.sites import SiteSet

COVERED = {
    "host itself": ("example.com", "example.com", True),
    "its sub-domain": ("example.com", "blog.example.com", False),
    "its parent": ("blog.example.com", "example.com", False),
    "wildcard, one level": ("*.example.com", "blog.example.com", True),
    "wildcard, two levels": ("*.example.com", "a.b.example.com", True),
    "wildcard, apex": ("*.example.com", "example.com", False),
    "wildcard, same ending": ("*.example.com", "notexample.com", False),
    "wildcard, host goes on": ("*.example.com", "blog.example.com.evil.example", False),
    "wildcard, empty label": ("*.example.com", "a..example.com", True),
    "wildcard of one label": ("*.localhost", "a.localhost", True),
    "host, same ending": ("example.com", "evilexample.com", False),
    "IPv4": ("127.0.0.1", "127.0.0.1", True),
    "IPv6": ("[::1]", "[::1]", True),
    "other IPv6": ("[::1]", "[::2]", False),
    "no host": ("example.com", "", False),
    "word for curl": ("example.com", "-none", False),
}


@pytest.mark.parametrize(("pattern", "host", "expected"), COVERED.values(), ids=COVERED.keys())
def test_pattern_covers(pattern: str, host: str, expected: object) -> None:
    assert SiteSet.of((pattern,)).covers(host) is expected


def test_empty_set_covers_nobody() -> None:
    assert not SiteSet.of(()).covers("example.com")


def test_wildcard_and_host_can_be_on_one_list() -> None:
    sites = SiteSet.of(frozenset({"example.com", "*.example.com", "*.example.org"}))
    assert sites == SiteSet(hosts=frozenset({"example.com"}), parents=frozenset({"example.com", "example.org"}))
    assert sites.covers("example.com")
    assert sites.covers("a.example.com")
    assert not sites.covers("example.org")


def naive_covers(patterns: list[str], host: str) -> bool:
    return any(host == pattern or (pattern[0] == "*" and host.endswith(pattern[1:])) for pattern in patterns)


hosts = st.lists(st.sampled_from(["a", "b", "ab", "com"]), min_size=1, max_size=4).map(".".join)
patterns = st.lists(hosts | hosts.map("*.".__add__), max_size=5)


@settings(deadline=None, max_examples=500)
@given(patterns=patterns, host=hosts | hosts.map("x.".__add__))
def test_set_agrees_with_comparing_one_by_one(patterns: list[str], host: str) -> None:
    assert SiteSet.of(tuple(patterns)).covers(host) is naive_covers(patterns, host)
