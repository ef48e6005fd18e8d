"""The types of settings: validators that explain what is wrong with a value."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

from authsvc.errors import BadSite
from authsvc.verdict.embedder import agent_pattern
from authsvc.verdict.sites import canonical_site, host_in

MAX_PORT: Final = 65535

BASE_PATTERN: Final = re.compile(r"https?://([^/?#@:\[\]]+|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?/?")

# Not inside parentheses: `(KHTML, like Gecko)` is one piece of a User-Agent.
_COMMA: Final = re.compile(r",(?![^()]*\))")

Choice = Literal["allow", "deny"]


def split_list(value: Any) -> Any:  # noqa: ANN401 — pydantic checks what comes out
    """Split a list that the environment gives as `a, b`. Any other value is returned as it is."""
    return [item.strip() for item in _COMMA.split(value) if item.strip()] if isinstance(value, str) else value


def _number(value: object) -> object:
    """Convert a number from the environment, which comes as text and would match no Literal."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _canonical_host(host: str) -> str:
    if "*" in host:
        msg = f"{host!r}: a host of this service is a single name, without *"
        raise ValueError(msg)
    try:
        return canonical_site(host_in(host))
    except BadSite as error:
        raise ValueError(error.text) from error


def _canonical_base(value: str) -> str:
    if not value:
        return value
    match = BASE_PATTERN.fullmatch(value)
    if match is None:
        msg = f"{value!r} is not an address such as https://img.example.com, without a path"
        raise ValueError(msg)
    if match[2] and not 1 <= int(match[2][1:]) <= MAX_PORT:
        msg = f"{value!r}: a port is a number from 1 to 65535"
        raise ValueError(msg)
    return f"{value.partition('://')[0]}://{_canonical_host(match[1])}{match[2] or ''}"


def _checked_agent(value: str) -> str:
    agent_pattern(value)
    return value


def _network(value: str) -> str:
    if value == "unix:":
        return value
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError as error:
        msg = f"{value!r} is not an address or network such as 192.0.2.0/24"
        raise ValueError(msg) from error
    if "%" in value:  # a zone, which may contain any character
        msg = f"{value!r}: a network must have no zone; leave out the % and everything after it"
        raise ValueError(msg)
    return str(network)


def _listen_address(value: str) -> str:
    try:
        return value if value == "*" else str(ipaddress.IPv4Address(value))
    except ValueError as error:
        msg = f"{value!r} is not an IPv4 address; give one such as 192.0.2.1, or * for all addresses"
        raise ValueError(msg) from error


def _header_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,63}", value):
        msg = f"{value!r} is not a header name such as X-Forwarded-For"
        raise ValueError(msg)
    return value


def _not_empty(value: object) -> object:
    if value == "":
        msg = "the path is empty, which means the current folder; give a path"
        raise ValueError(msg)
    return value


def _absolute(value: Path) -> Path:
    # Paths are written into nginx's files, where these characters would end or
    # start a directive, name several files, or split a Unix socket's address.
    path = value.absolute()
    if re.search(r"""[\x00-\x1f\ud800-\udfff"'\\$;{}#*?\[\]:]""", str(path)):
        msg = f"""{str(path)!r} has a character that must not be in nginx's files: " ' \\ $ ; {{ }} # * ? [ ] :"""
        raise ValueError(msg)
    return path


Hosts = Annotated[tuple[Annotated[str, AfterValidator(_canonical_host)], ...], NoDecode, BeforeValidator(split_list)]
Agents = Annotated[tuple[Annotated[str, AfterValidator(_checked_agent)], ...], NoDecode, BeforeValidator(split_list)]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], NoDecode, BeforeValidator(split_list)]
FilePath = Annotated[Path, BeforeValidator(_not_empty), AfterValidator(_absolute)]
ListenAddress = Annotated[str, AfterValidator(_listen_address)]
PublicUrl = Annotated[str, AfterValidator(_canonical_base)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
HotlinkStatus = Annotated[Literal[403, 200], BeforeValidator(_number)]
MissingStatus = Annotated[Literal[404, 200], BeforeValidator(_number)]
