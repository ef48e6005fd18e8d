import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.verdict.embedder import INVALID, embedder_of
from authsvc.verdict.invalid import why_invalid


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("HTTPS://example.com/", "its scheme has capital letters"),
        ("ftp://example.com/", "it does not begin with http:// or https://"),
        ("example.com", "it does not begin with http:// or https://"),
        ("https://me@example.com/", "it has a user name before the host"),
        ("https://example.com:65536/", "'65536' is not a port from 0 to 65535"),
        ("https://example.com:080/", "'080' is not a port from 0 to 65535"),
        ("https://example.com:/", "'' is not a port from 0 to 65535"),
        ("https:///path", "it names no host"),
        ("https://./", "it names no host"),
        ("https://b\xfccher.example/", "its host has non-ASCII letters, which browsers write as xn--"),
        ("https://Example.com/", "its host has capital letters"),
        ("https://example.com../", "its host ends in more than one dot"),
        (f"https://{'a' * 254}/", "its host is longer than 253 characters"),
        ("https://[::1%eth0]/", "its host is not an IPv6 address in brackets"),
        ("https://[::1].:80/", "its host is not an IPv6 address in brackets"),
        ("https://-a.example/", "its host has characters that a host cannot have, or cannot begin with"),
        ("https://example.com?a=b", "there is no / after the host"),
        ("https://example.com/a b", "its path has a space, or a character that browsers encode with %"),
    ],
)
def test_reason_for_an_invalid_referer_is_named(value: str, reason: str) -> None:
    assert why_invalid(value, is_origin=False) == reason


def test_origin_has_no_path() -> None:
    assert why_invalid("https://example.com/", is_origin=True) == "an Origin ends after the host and the port"
    assert why_invalid("https://example.com", is_origin=True) is None


@given(st.one_of(st.text(), st.from_regex(r"https?://[\S ]*")), st.booleans())
def test_reason_is_given_exactly_when_the_grammar_refuses(value: str, is_origin: bool) -> None:  # noqa: FBT001 — drawn
    word = embedder_of({"origin" if is_origin else "referer": value}, editor_agents=())
    if value and not (is_origin and value == "null"):
        assert (why_invalid(value, is_origin=is_origin) is not None) == (word == INVALID)
