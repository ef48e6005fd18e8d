import ipaddress
import re
import string

import pytest
from hypothesis import example, given, reject, settings
from hypothesis import strategies as st

from authsvc.errors import BadSite
from authsvc.verdict.embedder import embedder_of
from authsvc.verdict.sites import canonical_site, host_in

PATTERN = re.compile(r"(\*\.)?[a-z0-9_][a-z0-9_.-]{0,252}|\[[0-9a-f:]+\]")

CANONICAL = {
    "host": ("blog.example.com", "blog.example.com"),
    "upper case": ("Blog.Example.COM", "blog.example.com"),
    "space around": (" blog.example.com\n", "blog.example.com"),
    "rooted": ("example.com.", "example.com"),
    "one label": ("localhost", "localhost"),
    "underscore and hyphen": ("_a-b_.example", "_a-b_.example"),
    "wildcard": ("*.Example.com", "*.example.com"),
    "rooted wildcard": ("*.example.com.", "*.example.com"),
    "nginx's own words": ("default", "default"),
    "umlaut": ("Bücher.example", "xn--bcher-kva.example"),
    "sharp s": ("faß.example", "xn--fa-hia.example"),
    "Chinese": ("*.图床.cn", "*.xn--wcso9o.cn"),
    "wide letters and ideographic stop": ("ｅxample\u3002com", "example.com"),  # noqa: RUF001 — they are the point
    "Kelvin sign": ("\N{KELVIN SIGN}.example", "k.example"),
    "xn-- in upper case": ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
    "IPv4": ("192.0.2.1", "192.0.2.1"),
    "rooted IPv4": ("192.0.2.1.", "192.0.2.1"),
    "IPv6": ("[2001:DB8:0:0:0:0:0:1]", "[2001:db8::1]"),
    "IPv6 with dots": ("[::192.0.2.1]", "[::c000:201]"),
    "IPv4 mapped into IPv6": ("[::ffff:192.0.2.1]", "[::ffff:c000:201]"),
    "longest name": (".".join(["a" * 63] * 3) + "." + "b" * 61, ".".join(["a" * 63] * 3) + "." + "b" * 61),
}


@pytest.mark.parametrize(("text", "canonical"), CANONICAL.values(), ids=CANONICAL.keys())
def test_pattern_gets_the_spelling_of_browsers(text: str, canonical: str) -> None:
    assert canonical_site(text) == canonical


# What is refused, and a piece of the hint.
REFUSED = {
    "nothing": ("", "empty"),
    "space": ("  ", "empty"),
    "everybody": ("*", "every page"),
    "everybody with a dot": ("*.", "every page"),
    "address": ("https://blog.example.com/about?x#y", "write 'blog.example.com'"),
    "wildcard address": ("https://*.example.com/", r"write '\*.example.com'"),
    "port": ("localhost:8080", "write 'localhost'"),
    "path": ("example.com/blog", "write 'example.com'"),
    "userinfo": ("me@example.com", "write 'example.com'"),
    "scheme alone": ("https://", "write the host alone"),
    "IPv6 without brackets": ("2001:db8::1", r"write '\[2001:db8::1\]'"),
    "IPv6 with a port": ("[::1]:8080", r"write '\[::1\]'"),
    "IPv6 in an address": ("http://[::1]:8080/x", r"write '\[::1\]'"),
    "IPv6 without its end": ("[::1", r"write '\[::1\]'"),
    "empty label": ("a..b", "write 'a.b'"),
    "dot first": (".example.com", "write 'example.com'"),
    "two dots last": ("example.com..", "write 'example.com'"),
    "ideographic stop last": ("图床.cn\u3002", "two dots"),
    "star inside": ("a*.example.com", "whole first label"),
    "star in the middle": ("a.*.com", "whole first label"),
    "two stars": ("*.*.com", "whole first label"),
    "star with a word": ("*a.example.com", "whole first label"),
    "hyphen first": ("-a.example.com", "letters, digits"),
    "NUL": ("a\0.example.com", "letters, digits"),
    "newline": ("a.example\nb.example", "letters, digits"),
    "carriage return": ("a.example\rb", "letters, digits"),
    "space inside": ("a b", "letters, digits"),
    "semicolon": ("a;b", "letters, digits"),
    "backslash": ("a\\b", "letters, digits"),
    "dollar": ("$host", "letters, digits"),
    "braces": ("a{b}", "letters, digits"),
    "quote": ('a"b', "letters, digits"),
    "percent": ("a%2eb", "letters, digits"),
    "plus": ("a+b", "letters, digits"),
    "word for curl": ("-none", "letters, digits"),
    "label of 64": ("a" * 64, "letters, digits"),
    "too long": (".".join(["a" * 63] * 4), "255 characters"),
    "soft hyphen alone": ("\u00ad", "no xn-- form"),
    "lone surrogate": ("\udcff.com", "no xn-- form"),
    "unassigned letter": ("\u0378.com", "no xn-- form"),
    "IPv4 with three numbers": ("192.0.2", "IPv4"),
    "IPv4 above 255": ("192.0.2.256", "IPv4"),
    "IPv4 with a zero before": ("192.0.2.01", "IPv4"),
    "one number": ("2130706433", "IPv4"),
    "number as last label": ("example.1", "IPv4"),
    "wildcard below IPv4": ("*.192.0.2.1", "no sub-domains"),
    "empty brackets": ("[]", "IPv6"),
    "IPv4 in brackets": ("[192.0.2.1]", "IPv6"),
    "name in brackets": ("[localhost]", "IPv6"),
    "wildcard in brackets": ("*.[1]", "no sub-domains"),
}


@pytest.mark.parametrize(("text", "hint"), REFUSED.values(), ids=REFUSED.keys())
def test_text_that_is_not_a_pattern_is_refused_with_a_hint(text: str, hint: str) -> None:
    with pytest.raises(BadSite, match=hint):
        canonical_site(text)


# A zone would bring any character at all into nginx's map.
@pytest.mark.parametrize(
    "text",
    ["[fe80::1%eth0]", '[::1%" 1; default 1; "]', "[::1%\n]", "[::1%25eth0]", "[::ffff:192.0.2.1%1]"],
    ids=["interface", "nginx directive", "newline", "escaped", "mapped IPv4"],
)
def test_ipv6_zone_is_refused(text: str) -> None:
    with pytest.raises(BadSite, match="IPv6"):
        canonical_site(text)


@pytest.mark.parametrize("text", ["0x7f", "example.0x1", "*.0X7F", "0x"], ids=["address", "label", "wildcard", "empty"])
def test_hexadecimal_last_label_is_refused(text: str) -> None:
    """Browsers take it for an IPv4 address, so that the pattern could never match."""
    with pytest.raises(BadSite, match="IPv4"):
        canonical_site(text)


@pytest.mark.parametrize(
    "text", [".", "..", "*..", "*.[::1]"], ids=["dot", "two dots", "wildcard dots", "IPv6 wildcard"]
)
def test_spelling_in_a_hint_is_always_valid(text: str) -> None:
    with pytest.raises(BadSite) as caught:
        canonical_site(text)
    hint = re.search(r"write '(.*)'", caught.value.text)
    assert hint is None or canonical_site(hint[1])


labels = st.text(st.sampled_from(string.ascii_letters + string.digits + "_"), min_size=1, max_size=12)
names = st.lists(labels, min_size=1, max_size=4).map(lambda parts: ".".join([*parts, "example"]))
PIECES = (
    *("*", "*.", ".", "..", "-", "_", "a", "A", "example.com", "ü", "图", "ß", "xn--", "[", "]", "::1", ":", "%", "0x"),
    *("/", "@", "?", "#", "http://", "\n", "\0", " ", '"', ";", "{", "\\", "$", "1", "255", "0", "\u3002", "\u00ad"),
)
pieced = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)


@settings(deadline=None, max_examples=500)
@given(text=st.text() | pieced)
@example(text="[::1%;]")
def test_any_text_is_refused_or_becomes_a_pattern(text: str) -> None:
    try:
        found = canonical_site(text)
    except BadSite:
        return
    assert PATTERN.fullmatch(found)
    assert canonical_site(found) == found


@settings(deadline=None)
@given(name=names, rest=st.sampled_from(["/", "/a/b?c#d", ":8080", ":80/x", "?x", "#x"]))
def test_hint_for_an_address_is_its_host(name: str, rest: str) -> None:
    with pytest.raises(BadSite, match=re.escape(f"write {name!r}")):
        canonical_site(f"https://{name}{rest}")


@settings(deadline=None)
@given(name=names, rest=st.sampled_from(["", "/", "/a/b?c#d", ":8080", ":80/x", "?x", "#x"]))
def test_host_is_found_in_an_address(name: str, rest: str) -> None:
    assert host_in(f" https://{name}{rest}") == host_in(f"{name}{rest}") == name


@settings(deadline=None, max_examples=500)
@given(text=st.text() | pieced)
def test_pattern_is_found_in_itself(text: str) -> None:
    try:
        canonical_site(text)
    except BadSite:
        return
    assert host_in(text) == text.strip()


@settings(deadline=None, max_examples=200)
@given(text=names | pieced)
def test_browser_on_an_allowed_host_gives_exactly_that_host(text: str) -> None:
    try:
        found = canonical_site(text)
    except BadSite:
        reject()
    host = found.removeprefix("*.")
    assert embedder_of({"referer": f"https://{host}/"}, editor_agents=()) == host


def shortest_ipv6(number: int) -> str:
    """Return WHATWG URL's serialisation: the first longest run of zeros becomes ::."""
    groups = [f"{number >> shift & 0xFFFF:x}" for shift in range(112, -1, -16)]
    runs = [(length, start) for length in range(8, 1, -1) for start in range(9 - length)]
    for length, start in runs:
        if groups[start : start + length] == ["0"] * length:
            return f"[{':'.join(groups[:start])}::{':'.join(groups[start + length :])}]"
    return f"[{':'.join(groups)}]"


@settings(deadline=None, max_examples=200)
@given(groups=st.lists(st.sampled_from([0, 0, 1, 0xFFFF, 0xC000]), min_size=8, max_size=8))
@example(groups=[0, 0, 0, 0, 0, 0xFFFF, 0xC000, 0x201])
def test_ipv6_is_spelled_as_a_browser_does(groups: list[int]) -> None:
    number = int.from_bytes(b"".join(group.to_bytes(2, "big") for group in groups), "big")
    long = ipaddress.IPv6Address(number).exploded.upper()
    assert canonical_site(f"[{long}]") == shortest_ipv6(number)
