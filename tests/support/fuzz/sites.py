"""The list of sites that is fuzzed against, and the settings beside it."""

from dataclasses import dataclass
from typing import Final

LONG: Final = f"{'l' * 60}.{'o' * 60}.ng"
LONGEST: Final = ".".join(("s" * 63, "i" * 63, "t" * 63, "e" * 61))

EXACT: Final = (
    "example.org",
    "blog.example.net",
    "a_b.example",
    "intranet",
    "default",
    "include",
    "hostnames",
    "xn--bcher-kva.de",
    "192.0.2.7",
    "[2001:db8::1]",
    "[::ffff:7f00:1]",
    LONG,
    LONGEST,
)
PARENTS: Final = ("example.com", "deep.example.org", "xn--mnchen-3ya.example", "volatile", f"w.{LONG}")
"""The domains after the `*.` of the wildcards."""
FROM_THE_START: Final = ("127.0.0.1", "[::1]")
"""Hosts that are on every list; `localhost` too, but here only as an own host."""
OWN_HOSTS: Final = ("localhost", "img.own.example")


@dataclass(frozen=True)
class House:
    """The two settings that decide where no page is named: `allow` or `deny`."""

    empty_referer: str
    hidden_referer: str


ALL_HOUSES: Final = tuple(House(empty, hidden) for empty in ("allow", "deny") for hidden in ("deny", "allow"))
TWO_HOUSES: Final = (House("allow", "deny"), House("deny", "allow"))
"""The default and its opposite: both values of each setting, in half the time."""
