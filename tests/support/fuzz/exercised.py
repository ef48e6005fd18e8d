"""The kinds and traits of requests that every run must contain."""

from typing import Final

_WELL: Final = "as browsers spell it"
_ODDLY: Final = "spelled otherwise"
_OF_BOTH: Final = (
    f"allowed host, {_WELL}",
    f"allowed host below a wildcard, {_WELL}",
    f"allowed host with a dot at its end, {_WELL}",
    f"allowed host of more than 123 characters, {_WELL}",
    f"allowed IPv6 address, {_WELL}",
    "allowed host spelled otherwise, or not at its place",
    "allowed host with something else behind it",
    f"a host that no site can be called, {_WELL}",
    f"stranger, {_WELL}",
    f"stranger, {_ODDLY}",
    f"two dots at the end, {_WELL}",
    "no address",
)

BEHIND: Final = "sent behind one without an answer yet"

EXERCISED: Final = (
    *(f"{name}: {kind}" for name in ("Referer", "Origin") for kind in _OF_BOTH),
    f"Referer: more than 253 characters, {_WELL}",
    f"Referer: another scheme, {_WELL}",
    "Referer: allowed host with blanks or raw bytes in its path",
    "Referer: allowed host, path or port spelled otherwise",
    "Origin: allowed host with a path in Origin",
    "hidden page, across sites",
    "hidden page, null",
    "hidden page in an editor",
    "no page",
    "no HTTP, or longer than nginx reads",
    "HTTP/1.1",
    "HTTP/1.0",
    "HTTP/1.0 without keep-alive",
    "HTTP/2",
    "two Referer lines",
    "two Origin lines",
    "metadata or User-Agent twice",
    "raw bytes",
    "control characters",
    "a line feed in a line",
    "a name with an underscore",
    "8 KB in a line",
    "more than 8 KB in a line",
    BEHIND,
)
"""Each of them is in at least one request of two thousand."""
