"""The answer that a request should get, by the rules and a WHATWG URL parser.

It shares nothing with the product: no pattern, no list, no parser.
"""

import string
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from ada_url import URL

from tests.support.fuzz.request import Request
from tests.support.fuzz.sites import EXACT, FROM_THE_START, OWN_HOSTS, PARENTS, House

MOST_CHARACTERS: Final = 253
_FIRST: Final = frozenset(string.ascii_lowercase + string.digits + "_")
_FURTHER: Final = _FIRST | frozenset(".-")
_PRINTABLE: Final = frozenset(map(chr, range(0x21, 0x7F)))
_EDITORS: Final = ("Electron/", "Typora/", "obsidian/", "MWeb")
_FRAMES: Final = ("iframe", "frame", "object", "embed")
_HOSTS: Final = frozenset((*EXACT, *FROM_THE_START, *OWN_HOSTS))


class Demand(Enum):
    """What the answer has to be."""

    SHOW = "the picture"
    REFUSE = "the placeholder"
    EITHER = "the picture or the placeholder"
    ERROR = "an error of the client's"


_BY_SETTING: Final = {"allow": Demand.SHOW, "deny": Demand.REFUSE}


@dataclass(frozen=True)
class Opinion:
    """A kind of request, in words, and what it deserves."""

    kind: str
    demand: Demand


UNREADABLE: Final = Opinion("no HTTP, or longer than nginx reads", Demand.ERROR)


def opinion(request: Request, house: House) -> Opinion:
    """Return what `request` should get in `house`."""
    fields = request.fields
    if fields is None:
        return UNREADABLE
    as_is = _on(fields, house)
    # A value has no blanks around it (RFC 9110 section 5.5), and no browser sends any;
    # readers differ in whether they remove them.
    bare = _on({name: value.strip(" \t") for name, value in fields.items()}, house)
    return as_is if as_is.demand is bare.demand else Opinion("blanks around a value", Demand.EITHER)


def sharings(request: Request) -> frozenset[str]:
    """Return what the picture's `Access-Control-Allow-Origin` may be, if it is shown; "" is none."""
    fields = request.fields or {}
    origin = fields.get("origin", "")
    kind, demand = _page(origin, is_origin=True) if origin else ("", Demand.REFUSE)
    if demand is Demand.REFUSE:
        return frozenset({""})
    must_be = "as browsers" in kind and not fields.get("referer")
    return frozenset({origin} if must_be else {origin, ""})


def _on(fields: Mapping[str, str], house: House) -> Opinion:
    referer, origin, agent, site, mode, dest = (
        fields.get(name, "")
        for name in ("referer", "origin", "user-agent", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest")
    )
    if referer:
        kind, demand = _page(referer, is_origin=False)
        return Opinion(f"Referer: {kind}", demand)
    if origin and origin != "null":
        kind, demand = _page(origin, is_origin=True)
        return Opinion(f"Origin: {kind}", demand)
    if not origin and " " in site + mode + dest:
        # The rules for words do not cover several of them.
        return Opinion("metadata of several words", Demand.EITHER)
    is_across = site in {"cross-site", "same-site"}
    without_page = _BY_SETTING[house.empty_referer]
    if not origin and not (is_across and (mode in {"no-cors", "cors"} or dest in _FRAMES)):
        return Opinion("no page", without_page)
    if _is_editor(agent):
        return Opinion("hidden page in an editor", without_page)
    how = "null" if origin else "across sites"
    return Opinion(f"hidden page, {how}", _BY_SETTING[house.hidden_referer])


def _is_editor(agent: str) -> bool:
    if any(word in agent for word in _EDITORS):
        return True
    _, is_webkit, build = agent.removesuffix(" (KHTML, like Gecko)").rpartition("AppleWebKit/")
    is_bare = agent.endswith(" (KHTML, like Gecko)") and bool(is_webkit)
    return is_bare and (_PRINTABLE | {" "}).issuperset(build)


def _page(value: str, *, is_origin: bool) -> tuple[str, Demand]:
    """Judge the value of Referer or Origin: first the host that the parser finds, then how it is spelled."""
    try:
        url = URL(value)
    except ValueError:
        return "no address", Demand.REFUSE
    host = url.hostname.removesuffix(".")
    forms = {url.origin} if is_origin else {url.origin, url.href}
    is_canonical = value in forms and not (url.username or url.password or "#" in value)
    spelling = "as browsers spell it" if is_canonical else "spelled otherwise"
    if unwelcome := _unwelcome(url.protocol, host):
        return f"{unwelcome}, {spelling}", Demand.REFUSE
    if not is_canonical:
        return _spelled_otherwise(value, url, host, is_origin=is_origin)
    return f"allowed {_sort(url.hostname)}, {spelling}", Demand.SHOW


def _unwelcome(protocol: str, host: str) -> str:
    """Return why no page there may show pictures, however it is spelled; nothing if it may."""
    if protocol not in {"http:", "https:"}:
        return "another scheme"
    if host.endswith("."):
        return "two dots at the end"
    if len(host) > MOST_CHARACTERS:
        return "more than 253 characters"
    if not host.startswith("[") and not (host[:1] in _FIRST and _FURTHER.issuperset(host)):
        return "a host that no site can be called"
    is_allowed = host in _HOSTS or any(host.endswith(f".{parent}") for parent in PARENTS)
    return "" if is_allowed else "stranger"


def _sort(hostname: str) -> str:
    if hostname.startswith("["):
        return "IPv6 address"
    if hostname.endswith("."):
        return "host with a dot at its end"
    if hostname.removesuffix(".") in _HOSTS:
        return "host of more than 123 characters" if len(hostname) > 123 else "host"
    return "host below a wildcard"


def _spelled_otherwise(value: str, url: URL, host: str, *, is_origin: bool) -> tuple[str, Demand]:
    """Judge what no browser sends, though its host is allowed.

    The rule is scheme, host as written, port, and anything printable after a
    slash. The parser has refused ports above 65535.
    """
    rest = value.removeprefix(f"{url.protocol}//")
    if rest == value or not rest.startswith(host):
        return "allowed host spelled otherwise, or not at its place", Demand.REFUSE
    port, slash, path = rest[len(host) :].removeprefix(".").partition("/")
    number = port.removeprefix(":")
    if port and (number == port or not (number.isascii() and number.isdigit())):
        return "allowed host with something else behind it", Demand.REFUSE
    if is_origin and slash:
        return "allowed host with a path in Origin", Demand.REFUSE
    if not _PRINTABLE.issuperset(path):
        return "allowed host with blanks or raw bytes in its path", Demand.REFUSE
    if number.startswith("0") and number != "0":
        return "allowed host, port with a zero in front", Demand.REFUSE
    return "allowed host, path or port spelled otherwise", Demand.SHOW
