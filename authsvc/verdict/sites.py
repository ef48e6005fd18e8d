"""Site patterns: the hosts whose pages may embed pictures, and their spelling.

A pattern is a host (`blog.example.com`, `127.0.0.1`, `[::1]`) or `*.` and a
host, which covers every sub-domain at any depth, but not the host itself.
The canonical spelling is the one that browsers send: lower case, xn-- labels,
no scheme, port, path or trailing dot.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

import idna

from authsvc.errors import BadSite

_MAX_HOST_CHARACTERS: Final = 253
_LABEL: Final = re.compile(r"[a-z0-9_-]{1,63}")
# A last label that makes WHATWG URL read the whole host as an IPv4 address (section 3.5).
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SiteSet:
    """The allowed sites, in a form that is fast to look up. Members are canonical."""

    hosts: frozenset[str]
    parents: frozenset[str]
    """The wildcard patterns without their `*.`."""

    @classmethod
    def of(cls, patterns: tuple[str, ...] | frozenset[str]) -> "SiteSet":
        """Sort canonical patterns into hosts and wildcards."""
        return cls(
            hosts=frozenset(p for p in patterns if not p.startswith("*.")),
            parents=frozenset(p[2:] for p in patterns if p.startswith("*.")),
        )

    def covers(self, host: str) -> bool:
        """Return whether `host` is one of the hosts, or a sub-domain of a wildcard's parent."""
        return self.covering(host) is not None

    def covering(self, host: str) -> str | None:
        """Return the pattern that covers `host`, the closest one; None if there is none."""
        if host in self.hosts:
            return host
        while "." in host:
            host = host.partition(".")[2]
            if host in self.parents:
                return f"*.{host}"
        return None


def canonical_site(text: str) -> str:
    """Return the canonical spelling of the site pattern `text`.

    Raises BadSite, with the right spelling, for a text that is not a pattern.
    """
    pattern = text.strip()
    _refuse_addresses(pattern)
    wildcard, host = ("*.", pattern[2:]) if pattern.startswith("*.") else ("", pattern)
    if "*" in host:
        raise BadSite(pattern=text, reason="* must be the whole first label, as in *.example.com")
    if host.startswith("["):
        if wildcard:
            raise BadSite(pattern=text, reason="an address has no sub-domains; leave out the *.")
        return _canonical_ipv6(host)
    name = _canonical_name(host.removesuffix("."), text)
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        _check_ipv4(name, wildcard, text)
    return wildcard + name


def host_in(text: str) -> str:
    """Return the host pattern in what people paste instead of one: an address, or a host with a port or path.

    Other text is returned without surrounding spaces.
    """
    pattern = text.strip()
    scheme = _SCHEME.match(pattern)
    bare = pattern[scheme.end() :] if scheme else pattern
    host = re.split(r"[/?#]", bare, maxsplit=1)[0].rpartition("@")[2]
    if host.startswith("["):
        host = host.partition("]")[0] + "]"
    elif host.count(":") > 1 and not host.startswith("*"):
        host = f"[{host}]"
    elif not host.startswith("*.["):
        host = host.partition(":")[0]
    return host or pattern


def _refuse_addresses(pattern: str) -> None:
    if not pattern:
        raise BadSite(pattern=pattern, reason="it is empty; give a host, such as blog.example.com")
    if pattern in {"*", "*."}:
        raise BadSite(
            pattern=pattern, reason="it would allow every page; give your host, or *.example.com for its sub-domains"
        )
    host = host_in(pattern)
    if host != pattern or re.search(r"[/?#@]", pattern):
        spelled = f"write {host!r}" if host != pattern else "write the host alone, such as 'blog.example.com'"
        raise BadSite(pattern=pattern, reason=f"a site is a host without scheme, port and path; {spelled}")


def _canonical_name(host: str, text: str) -> str:
    name = host.lower()
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True, transitional=False).decode()
        except idna.IDNAError as error:
            raise BadSite(pattern=text, reason=f"it has no xn-- form ({error})") from error
    if "" in name.split("."):
        right = ".".join(label for label in name.split(".") if label)
        spelled = f"write {right!r}" if right else "write the host alone, such as 'blog.example.com'"
        raise BadSite(pattern=text, reason=f"there is nothing between two dots; {spelled}")
    if len(name) > _MAX_HOST_CHARACTERS:
        raise BadSite(pattern=text, reason=f"it has {len(name)} characters; a host has at most {_MAX_HOST_CHARACTERS}")
    bad = [label for label in name.split(".") if not _LABEL.fullmatch(label)]
    if bad or name.startswith("-"):
        raise BadSite(
            pattern=text,
            reason="a host has letters, digits, - and _ in labels of 1 to 63 characters, such as blog.example.com",
        )
    return name


def _canonical_ipv6(host: str) -> str:
    try:
        address = ipaddress.IPv6Address(host.removeprefix("[").removesuffix("]"))
    except ValueError as error:
        raise BadSite(pattern=host, reason="it is not an IPv6 address; write it as [2001:db8::1]") from error
    if address.scope_id is not None:
        # A zone may contain any character; no browser sends one.
        raise BadSite(pattern=host, reason="an IPv6 address must have no zone; leave out the % and everything after it")
    if address.ipv4_mapped is not None:
        # WHATWG URL serialises the last 32 bits in hex, newer Pythons in dots.
        packed = int(address.ipv4_mapped)
        return f"[::ffff:{packed >> 16:x}:{packed & 0xFFFF:x}]"
    return f"[{address.compressed}]"


def _check_ipv4(name: str, wildcard: str, text: str) -> None:
    """Refuse a host whose last label is a number, unless it is a plain IPv4 address."""
    try:
        ipaddress.IPv4Address(name)
    except ValueError as error:
        raise BadSite(pattern=text, reason="it is not an IPv4 address; write it as 192.0.2.1") from error
    if wildcard:
        raise BadSite(pattern=text, reason="an address has no sub-domains; leave out the *.")
