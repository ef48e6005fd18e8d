"""Explain what is wrong with a Referer or Origin that no browser sends. Pure."""

import re
from collections.abc import Callable
from typing import Final

from authsvc.verdict.embedder import INVALID, embedder_of

_SCHEMES: Final = ("http://", "https://")
_MAX_HOST_CHARACTERS: Final = 253
_MAX_PORT: Final = 65535
_AUTHORITY_END: Final = re.compile(r"[/?#\\]")
_PORT: Final = re.compile(r":([^:\]]*)\Z")


def why_invalid(value: str, *, is_origin: bool) -> str | None:
    """Return why no browser sends `value` as a Referer, or as an Origin; None if one does."""
    header = "origin" if is_origin else "referer"
    if embedder_of({header: value}, editor_agents=()) != INVALID:
        return None
    scheme = next((s for s in _SCHEMES if value.startswith(s)), None)
    if scheme is None:
        return _wrong_scheme(value)
    rest = value[len(scheme) :]
    end = _AUTHORITY_END.search(rest)
    authority, path = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
    return _wrong_authority(authority) or _wrong_path(path, is_origin=is_origin)


def _wrong_scheme(value: str) -> str:
    if value.lower().startswith(_SCHEMES):
        return "its scheme has capital letters"
    return "it does not begin with http:// or https://"


def _wrong_authority(authority: str) -> str | None:
    if "@" in authority:
        return "it has a user name before the host"
    port = _PORT.search(authority)
    host = authority[: port.start()] if port else authority
    if port and not _is_port(port[1]):
        return f"{port[1]!r} is not a port from 0 to 65535"
    return next((reason for is_so, reason in _WRONG_HOSTS if is_so(host)), None)


def _is_port(digits: str) -> bool:
    is_number = digits.isascii() and digits.isdigit()
    return is_number and str(int(digits)) == digits and int(digits) <= _MAX_PORT


_WRONG_HOSTS: Final[tuple[tuple[Callable[[str], bool], str], ...]] = (
    (lambda host: not host.rstrip("."), "it names no host"),
    (lambda host: not host.isascii(), "its host has non-ASCII letters, which browsers write as xn--"),
    (lambda host: host != host.lower(), "its host has capital letters"),
    (lambda host: host.endswith(".."), "its host ends in more than one dot"),
    (lambda host: len(host.removesuffix(".")) > _MAX_HOST_CHARACTERS, "its host is longer than 253 characters"),
    (
        lambda host: host.startswith("[") and not re.fullmatch(r"\[[0-9a-f:]{2,39}\]", host),
        "its host is not an IPv6 address in brackets",
    ),
    (
        lambda host: not re.fullmatch(r"[a-z0-9_][a-z0-9_.-]*|\[.*\]", host),
        "its host has characters that a host cannot have, or cannot begin with",
    ),
)


def _wrong_path(path: str, *, is_origin: bool) -> str:
    if is_origin:
        return "an Origin ends after the host and the port"
    if not path.startswith("/"):
        return "there is no / after the host"
    return "its path has a space, or a character that browsers encode with %"
