"""Reduce a request's headers to one word: the page that embeds the picture.

nginx does this with the same patterns, which are rendered into its maps from
the constants below. Only the word goes further, so the lookup, the cache and the
decision always use the same value. The grammar is what a browser sends (WHATWG
URL, host serialiser), not what a lenient parser would also accept.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

NONE: Final = "-none"
"""The request names no page: curl, a feed reader, the address bar, an editor's
preview."""
HIDDEN: Final = "-hidden"
"""A page embeds the picture, and hides its address."""
INVALID: Final = "-invalid"
"""The header contains something that no browser sends."""
# The three words begin with `-`, because no host does. With plain `none`, a page
# on http://none/ would count as curl.

# At most 253 characters and no dot at the end (RFC 1035 section 2.3.4).
_NAME: Final = r"[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_-])?"
_IPV6: Final = r"\[[0-9a-f:]{2,39}\]"
_PORT: Final = r"(?::(?:0|[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?"


def _authority(group: str) -> str:
    """Match scheme, host and port. One trailing dot is not part of the group."""
    return rf"https?://(?P<{group}_host>{_NAME}|{_IPV6}(?!\.))\.?{_PORT}"


REFERER_PATTERN: Final = rf"{_authority('authsvc_referer')}(?:/[!-~]*)?"
"""A whole Referer value (RFC 9110 section 10.1.3). The host is in the group
`authsvc_referer_host`; nginx makes a variable of that name, and the prefix avoids
a conflict with other sites. There is only one group, because each one costs nginx
time in every request."""
ORIGIN_PATTERN: Final = _authority("authsvc_origin")
"""A whole Origin value (RFC 6454 section 7.1). The host is in the group `authsvc_origin_host`."""
OPAQUE_ORIGIN: Final = "null"

FETCH_METADATA_PATTERN: Final = r"(?:cross|same)-site (?:(?:no-cors|cors) .*|.* (?:iframe|frame|object|embed))"
"""`Sec-Fetch-Site`, `-Mode` and `-Dest` (W3C Fetch Metadata), joined by one
space each, when a page embeds across sites. The destination is not enough: a
service worker changes it to `empty`. The other word may have any value."""

DEFAULT_EDITOR_AGENTS: Final = ("Electron/", "Typora/", "obsidian/", "MWeb", "AppleWebKit/* (KHTML, like Gecko)$")
"""Editors show a local document, so their preview hides the Referer, as an
unknown page may do. But no page can choose its visitors' User-Agent."""

_MIN_AGENT_LITERALS: Final = 4
_AGENT: Final = re.compile(r"""[ !#-\[\]-~]{1,200}""")

_referer: Final = re.compile(REFERER_PATTERN)
_origin: Final = re.compile(ORIGIN_PATTERN)
_fetch_metadata: Final = re.compile(FETCH_METADATA_PATTERN)


def agent_pattern(text: str) -> str:
    r"""Turn one `editor_agents` entry into a pattern to search a User-Agent for.

    The entry is literal text; `*` matches any characters, and `$` at its end
    matches the end of the header. Raises ValueError for an entry that is not
    printable ASCII without `"` and `\`, is longer than 200 characters, or has
    fewer than four literal characters and so would match almost every browser.
    """
    literal, end = (text[:-1], r"\Z") if text.endswith("$") else (text, "")
    if not _AGENT.fullmatch(text) or len(literal.replace("*", "").strip()) < _MIN_AGENT_LITERALS:
        msg = (
            f"{text!r} is not a usable piece of a User-Agent: give 4 to 200 printable ASCII characters "
            'without " and \\; * matches any characters, $ at the end matches the end'
        )
        raise ValueError(msg)
    return "[!-~ ]*".join(re.escape(piece) for piece in literal.split("*")) + end


class Basis(Enum):
    """The header that an embedder was read from."""

    REFERER = auto()
    ORIGIN = auto()
    OPAQUE_ORIGIN = auto()
    FETCH_METADATA = auto()
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class Reading:
    """The embedder, and the header that it was read from."""

    embedder: str
    basis: Basis
    editor: str | None = None
    """The entry of `editor_agents` that allows the hidden page."""


def embedder_of(headers: Mapping[str, str], *, editor_agents: Iterable[str]) -> str:
    """Return the host that embeds, or `-none`, `-hidden` or `-invalid`; see `read_embedder`."""
    return read_embedder(headers, editor_agents=editor_agents).embedder


def read_embedder(headers: Mapping[str, str], *, editor_agents: Iterable[str]) -> Reading:
    """Return the embedder, and the header that it was read from.

    `headers` has lower-case names. An empty value counts as absent, because
    nginx cannot distinguish the two.
    """
    if referer := headers.get("referer", ""):
        return Reading(_host(_referer.fullmatch(referer), "authsvc_referer"), Basis.REFERER)
    origin = headers.get("origin", "")
    if origin and origin != OPAQUE_ORIGIN:
        return Reading(_host(_origin.fullmatch(origin), "authsvc_origin"), Basis.ORIGIN)
    if not origin and not _is_cross_site(headers):
        return Reading(NONE, Basis.NOTHING)
    basis = Basis.OPAQUE_ORIGIN if origin else Basis.FETCH_METADATA
    agent = headers.get("user-agent", "")
    editor = next((entry for entry in editor_agents if re.search(agent_pattern(entry), agent)), None)
    return Reading(HIDDEN if editor is None else NONE, basis, editor)


def _host(match: re.Match[str] | None, group: str) -> str:
    if match is None:
        return INVALID
    return match[f"{group}_host"]


def _is_cross_site(headers: Mapping[str, str]) -> bool:
    fetch = " ".join(headers.get(f"sec-fetch-{name}", "") for name in ("site", "mode", "dest"))
    return _fetch_metadata.fullmatch(fetch) is not None
