import string
from collections.abc import Mapping

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from authsvc.verdict.embedder import DEFAULT_EDITOR_AGENTS, HIDDEN, INVALID, NONE, embedder_of

WORDS = (NONE, HIDDEN, INVALID)
HOST_CHARACTERS = frozenset(string.ascii_lowercase + string.digits + "_.-")


def embedder(**headers: str) -> str:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return embedder_of(named, editor_agents=DEFAULT_EDITOR_AGENTS)


# What a browser serialises of what is typed or linked: the WHATWG URL
# standard's host serialiser, section 3.5, and its origin serialiser.
SERIALISED = {
    "apex": ("https://example.com/", "example.com"),
    "sub-domain, path and query": ("https://blog.example.com/2018/a-post?x=1&y=%20", "blog.example.com"),
    "origin alone": ("https://example.com", "example.com"),
    "port": ("http://localhost:8080/preview", "localhost"),
    "highest port": ("http://example.com:65535/", "example.com"),
    "port zero": ("http://example.com:0/", "example.com"),
    "IPv4": ("http://127.0.0.1:4000/", "127.0.0.1"),
    "IPv6": ("http://[::1]:4000/", "[::1]"),
    "longest IPv6": (f"http://[{':'.join(['2001'] * 8)}]/", f"[{':'.join(['2001'] * 8)}]"),
    "IPv4 mapped into IPv6": ("http://[::ffff:7f00:1]/", "[::ffff:7f00:1]"),
    "punycode": ("https://xn--bcher-kva.example/", "xn--bcher-kva.example"),
    "underscore": ("https://my_blog.example.com/", "my_blog.example.com"),
    "underscore first": ("https://_dmarc.example.com/", "_dmarc.example.com"),
    "hyphen at a label's end": ("https://r2---sn-.example.com/", "r2---sn-.example.com"),
    "rooted name": ("https://example.com./", "example.com"),
    "empty label": ("https://a..example.com/", "a..example.com"),
    "one letter": ("http://a/", "a"),
    "longest name": (f"http://{'a' * 253}/", "a" * 253),
    "longest name, rooted": (f"http://{'a' * 253}./", "a" * 253),
    "host called none": ("http://none/", "none"),
    "address in the query": ("https://evil.example/?http://good.example/", "evil.example"),
    "userinfo look-alike in the path": ("https://evil.example/@good.example/", "evil.example"),
    "all printable characters": ("https://example.com/" + "".join(map(chr, range(33, 127))), "example.com"),
}


@pytest.mark.parametrize(("referer", "host"), SERIALISED.values(), ids=SERIALISED.keys())
def test_serialised_address_gives_its_host(referer: str, host: str) -> None:
    assert embedder(referer=referer) == host


UNSERIALISED = {
    "upper-case host": "https://Example.com/",
    "upper-case scheme": "HTTPS://example.com/",
    "other scheme": "ftp://example.com/",
    "app's scheme": "android-app://com.example/",
    "scheme without slashes": "https:example.com/",
    "no scheme": "example.com",
    "scheme-relative": "//example.com/",
    "wide letters": "https://\N{FULLWIDTH LATIN SMALL LETTER E}xample.com/",
    "Unicode host": "https://bücher.example/",
    "Unicode path": "https://example.com/ü",
    "Kelvin sign": "https://\N{KELVIN SIGN}.example/",
    "userinfo": "https://good.example@evil.example/",
    "userinfo with a port": "https://good.example:80@evil.example/",
    "backslash for a slash": "https://good.example\\@evil.example/",
    "percent in host": "https://example%2ecom/",
    "newline after the host": "https://example.com\n",
    "newline after the path": "https://example.com/\n",
    "carriage return": "https://example.com/\r",
    "tab in host": "https://exam\tple.com/",
    "NUL in path": "https://example.com/\0",
    "DEL in path": "https://example.com/\x7f",
    "space in path": "https://example.com/a b",
    "space before": " https://example.com/",
    "two values joined": "https://good.example/, https://evil.example/",
    "two dots at the end": "https://example.com../",
    "dot first": "https://.example.com/",
    "dot alone": "https://./",
    "hyphen first": "https://-example.com/",
    "the word for curl as a host": "https://-none/",
    "the word itself": NONE,
    "no host": "https:///",
    "no host, but a port": "https://:80/",
    "query without path": "https://example.com?x",
    "fragment without path": "https://example.com#x",
    "port above 65535": "https://example.com:65536/",
    "port of six digits": "https://example.com:000080/",
    "port with a zero before": "https://example.com:080/",
    "empty port": "https://example.com:/",
    "port in other digits": "https://example.com:\N{ARABIC-INDIC DIGIT EIGHT}/",
    "two ports": "https://example.com:80:80/",
    "upper-case IPv6": "http://[2001:DB8::1]/",
    "IPv6 with a zone": "http://[fe80::1%25eth0]/",
    "IPv6 without its end": "http://[::1/",
    "IPv6 without brackets": "http://::1/",
    "IPv6 with dots": "http://[::ffff:127.0.0.1]/",
    "IPv6 with a final dot": "http://[::1]./",
    "too long a name": f"https://{'a' * 254}/",
}


@pytest.mark.parametrize("referer", UNSERIALISED.values(), ids=UNSERIALISED.keys())
def test_header_that_no_browser_sends_is_invalid(referer: str) -> None:
    assert embedder(referer=referer) == INVALID


@pytest.mark.parametrize("referer", UNSERIALISED.values(), ids=UNSERIALISED.keys())
def test_origin_is_read_as_strictly_as_referer(referer: str) -> None:
    assert embedder(origin=referer) == INVALID


def oracle(value: str) -> str:
    """Return the host, read by hand from left to right instead of by a pattern."""
    scheme, _, rest = value.partition("://")
    authority, _, path = rest.partition("/")
    if scheme not in ("http", "https") or not all("!" <= character <= "~" for character in path):
        return INVALID
    if authority.startswith("["):
        host, bracket, port = authority.partition("]")
        inside = host[1:]
        host += bracket
        is_host = bool(bracket) and 2 <= len(inside) <= 39 and set(inside) <= set("0123456789abcdef:")
    else:
        host, colon, port = authority.partition(":")
        port = colon + port
        host = host.removesuffix(".")
        is_host = 1 <= len(host) <= 253 and set(host) <= HOST_CHARACTERS and host[0] not in ".-" and host[-1] != "."
    digits = port[1:]
    is_port = not port or (
        port[0] == ":"
        and bool(digits)
        and set(digits) <= set(string.digits)
        and str(int(digits)) == digits
        and int(digits) <= 65535
    )
    return host if is_host and is_port else INVALID


PIECES = (
    *("http", "https", "://", ":", "//", "/", "\\", "@", "?", "#", "%2e", "[", "]", "::1", "fe80::", "%25eth0"),
    *("good.example", "evil.example", "none", "-none", "A", "a", "_", "-", ".", "..", "ü", "1.2.3.4", "0x7f"),
    *(":0", ":80", ":080", ":65535", ":65536", ":99999", "\n", "\r", "\0", "\t", " ", "\x7f", "\u2028", "a" * 126),
)
pieced = st.lists(st.sampled_from(PIECES), max_size=7).map("".join)


@settings(deadline=None, max_examples=500)
@given(tail=pieced, begin=st.sampled_from(["http://", "https://", "http://a", "https://good.example", ""]))
def test_grammar_agrees_with_a_separate_parser(begin: str, tail: str) -> None:
    value = begin + tail
    expected = oracle(value) if value else NONE
    assert embedder(referer=value) == expected


@settings(deadline=None, max_examples=300)
@given(
    referer=st.text() | pieced, origin=st.text() | pieced, fetch=st.lists(st.text(max_size=9), min_size=3, max_size=3)
)
@example(referer="", origin="-none", fetch=["", "", ""])
def test_result_is_a_word_or_a_host(referer: str, origin: str, fetch: list[str]) -> None:
    metadata = dict(zip(("sec_fetch_site", "sec_fetch_mode", "sec_fetch_dest"), fetch, strict=True))
    found = embedder(referer=referer, origin=origin, **metadata)
    if found not in WORDS:
        assert found == oracle(f"http://{found}/")


def test_no_host_equals_a_word() -> None:
    assert all(oracle(f"http://{word}/") == INVALID for word in WORDS)


@settings(deadline=None)
@given(other=st.dictionaries(st.sampled_from(["origin", "user_agent", "sec_fetch_site"]), st.text()))
def test_referer_counts_before_everything_else(other: dict[str, str]) -> None:
    assert embedder(**{"referer": "https://good.example/", **other}) == "good.example"


WITHOUT_REFERER: dict[str, tuple[Mapping[str, str], str]] = {
    "nothing at all": ({}, NONE),
    "empty Referer": ({"referer": ""}, NONE),
    "empty Origin": ({"origin": ""}, NONE),
    "Origin with a host": ({"origin": "https://blog.example:8443"}, "blog.example"),
    "Origin with a path": ({"origin": "https://blog.example/"}, INVALID),
    "Origin in other case": ({"origin": "NULL"}, INVALID),
    "empty Referer and an Origin": ({"referer": "", "origin": "https://blog.example"}, "blog.example"),
    "opaque Origin": ({"origin": "null"}, HIDDEN),
    "opaque Origin, same site": ({"origin": "null", "sec_fetch_site": "same-origin"}, HIDDEN),
    "picture across sites": ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors"}, HIDDEN),
    "picture from a service worker": (
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors", "sec_fetch_dest": "empty"},
        HIDDEN,
    ),
    "fetch across sites": (
        {"sec_fetch_site": "same-site", "sec_fetch_mode": "cors", "sec_fetch_dest": "empty"},
        HIDDEN,
    ),
    "address bar": ({"sec_fetch_site": "none", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}, NONE),
    "link": ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}, NONE),
    "own page": ({"sec_fetch_site": "same-origin", "sec_fetch_mode": "no-cors", "sec_fetch_dest": "image"}, NONE),
    "metadata in upper case": ({"sec_fetch_site": "CROSS-SITE", "sec_fetch_mode": "no-cors"}, NONE),
    "curl": ({"user_agent": "curl/8.5.0"}, NONE),
}


@pytest.mark.parametrize(("headers", "expected"), WITHOUT_REFERER.values(), ids=WITHOUT_REFERER.keys())
def test_embedder_without_referer(headers: Mapping[str, str], expected: str) -> None:
    assert embedder(**headers) == expected


@pytest.mark.parametrize("destination", ["iframe", "frame", "object", "embed"])
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_framed_picture_is_embedded(site: str, destination: str) -> None:
    found = embedder(sec_fetch_site=site, sec_fetch_mode="navigate", sec_fetch_dest=destination)
    assert found == HIDDEN
