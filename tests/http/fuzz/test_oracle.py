"""The oracle itself: it knows the rules, and it knows what browsers can send."""

import random

import pytest

from tests.support.fuzz.oracle import Demand, opinion, sharings
from tests.support.fuzz.request import Request
from tests.support.fuzz.sites import LONG, LONGEST, House
from tests.support.fuzz.values import Values

SHOW, REFUSE, EITHER, ERROR = Demand
USUAL = House(empty_referer="allow", hidden_referer="deny")
OPPOSITE = House(empty_referer="deny", hidden_referer="allow")

REFERERS = {
    "a site": (b"https://example.org/post?a=b", SHOW),
    "a site's origin alone": (b"https://example.org", SHOW),
    "a port": (b"http://example.org:65535/", SHOW),
    "a port too high": (b"http://example.org:65536/", REFUSE),
    "a port with zeros in front": (b"http://example.org:0081/", REFUSE),
    "the scheme's own port": (b"http://example.org:80/", SHOW),
    "an empty port": (b"http://example.org:/", REFUSE),
    "one dot at the end": (b"http://example.org./", SHOW),
    "two dots at the end": (b"http://example.org../", REFUSE),
    "a host below a wildcard": (b"http://a.b.example.com/", SHOW),
    "a wildcard's apex": (b"http://example.com/", REFUSE),
    "a host that ends like a wildcard": (b"http://wwwexample.com/", REFUSE),
    "an IPv6 address": (b"http://[2001:db8::1]:81/", SHOW),
    "an IPv6 address spelled otherwise": (b"http://[2001:db8:0::1]/", REFUSE),
    "an IPv4 address spelled otherwise": (b"http://127.1/", REFUSE),
    "a xn-- name": (b"https://xn--bcher-kva.de/", SHOW),
    "the same in letters": ("https://b\u00fccher.de/".encode(), REFUSE),
    "a host called default": (b"http://default/", SHOW),
    "a host called none": (b"http://none/", REFUSE),
    "upper case": (b"http://Example.org/", REFUSE),
    "an own host": (b"http://img.own.example/", SHOW),
    "a long host": (f"http://{LONG}/".encode(), SHOW),
    "the longest host": (f"http://{LONGEST}./".encode(), SHOW),
    "a longer one": (f"http://a.{LONGEST}/".encode(), REFUSE),
    "a user": (b"http://user@example.org/", REFUSE),
    "a site as the user": (b"http://example.org@evil.test/", REFUSE),
    "a site behind a backslash": (b"http://evil.test\\@example.org/", REFUSE),
    "raw bytes in the path": (b"http://example.org/\xfc", REFUSE),
    "a fragment": (b"http://example.org/#a", SHOW),
    "a query without a path": (b"http://example.org?a", REFUSE),
    "another scheme": (b"ftp://example.org/", REFUSE),
    "no address": (b"example.org", REFUSE),
    "a tab in front": (b"\thttp://example.org/", EITHER),
    "a NUL": (b"http://example.org/\0", ERROR),
    "a folded line": (b"http://example.org/\r\n a", ERROR),
    "another header in it": (b"\nOrigin: https://example.org", SHOW),
    "9 KB": (b"http://example.org/" + b"a" * 9000, ERROR),
    "8,000 bytes": (b"http://example.org/" + b"a" * 8000, SHOW),
}
WITHOUT = {
    "nothing": ((), SHOW, REFUSE),
    "an empty Referer": ((b"Referer: ",), SHOW, REFUSE),
    "an opaque Origin": ((b"Origin: null",), REFUSE, SHOW),
    "a site's Origin": ((b"Origin: https://example.org",), SHOW, SHOW),
    "an Origin with a path": ((b"Origin: https://example.org/",), REFUSE, REFUSE),
    "a picture across sites": ((b"Sec-Fetch-Site: cross-site", b"Sec-Fetch-Mode: no-cors"), REFUSE, SHOW),
    "a frame across sites": ((b"Sec-Fetch-Site: same-site", b"Sec-Fetch-Dest: iframe"), REFUSE, SHOW),
    "a link across sites": ((b"Sec-Fetch-Site: cross-site", b"Sec-Fetch-Mode: navigate"), SHOW, REFUSE),
    "an editor": ((b"Origin: null", b"User-Agent: a Electron/30 b"), SHOW, REFUSE),
    "a bare WebKit view": ((b"Origin: null", b"User-Agent: AppleWebKit/605.1 (KHTML, like Gecko)"), SHOW, REFUSE),
    "a whole Safari": ((b"Origin: null", b"User-Agent: AppleWebKit/605.1 (KHTML, like Gecko) Safari/6"), REFUSE, SHOW),
    "underscores": ((b"Sec_Fetch_Site: cross-site", b"Sec_Fetch_Mode: no-cors", b"Origin_: null"), SHOW, REFUSE),
}


@pytest.mark.parametrize(("value", "demand"), REFERERS.values(), ids=REFERERS.keys())
def test_oracle_judges_a_referer_by_the_rules(value: bytes, demand: Demand) -> None:
    house = House(empty_referer="deny", hidden_referer="deny")
    assert opinion(Request((b"Referer: " + value,)), house).demand is demand


@pytest.mark.parametrize(("lines", "usual", "opposite"), WITHOUT.values(), ids=WITHOUT.keys())
def test_oracle_follows_the_settings_without_a_referer(
    lines: tuple[bytes, ...], usual: Demand, opposite: Demand
) -> None:
    assert opinion(Request(lines), USUAL).demand is usual
    assert opinion(Request(lines), OPPOSITE).demand is opposite


def test_oracle_counts_the_first_of_two_lines() -> None:
    good, bad = b"Referer: https://example.org/", b"Referer: https://evil.test/"
    assert opinion(Request((good, bad)), USUAL).demand is SHOW
    assert opinion(Request((bad, good)), USUAL).demand is REFUSE


def test_oracle_shares_with_the_allowed_origin_alone() -> None:
    origin = b"Origin: https://example.org"
    assert sharings(Request((origin,))) == {"https://example.org"}
    assert sharings(Request((b"Referer: https://a.example.com/", origin))) == {"https://example.org", ""}
    assert sharings(Request((b"Origin: https://evil.test",))) == {""}


def test_spelling_of_a_referer_that_browsers_send_does_not_matter() -> None:
    values = Values(random.Random(7))
    for _ in range(5000):
        request = Request((b"Referer: " + values.from_browser(),))
        found = opinion(request, USUAL)
        assert "spelled otherwise" not in found.kind, request
        assert found.demand in {SHOW, REFUSE}, request
