"""Reduce a request's headers to one word: who wants to show the picture.

nginx does this with the same patterns, rendered into its maps from the
constants below, and hands on nothing but the word: what the verdict is looked
up by, cached by and decided on can then never differ. The grammar is what a
browser serialises (WHATWG URL, host serialiser), not what a lenient parser
would still understand.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

NONE: Final = "-none"
"""No page is embedding, as far as the request tells: curl, a feed reader, the
address bar, an editor's preview."""
HIDDEN: Final = "-hidden"
"""A page is embedding, and it hides which."""
INVALID: Final = "-invalid"
"""The header holds something that no browser sends."""
# The three words begin with `-`, as no host does: with plain `none`, a page on
# http://none/ would pass for curl.

# At most 253 characters and no dot at the end (RFC 1035 section 2.3.4).
_NAME: Final = r"[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_-])?"
_IPV6: Final = r"\[[0-9a-f:]{2,39}\]"
_PORT: Final = r"(?::(?:0|[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?"


def _authority(group: str) -> str:
    """Match scheme, host and port; one trailing dot stays outside the group."""
    return rf"https?://(?P<{group}_host>{_NAME}|{_IPV6}(?!\.))\.?{_PORT}"


REFERER_PATTERN: Final = rf"{_authority('authsvc_referer')}(?:/[!-~]*)?"
"""A whole Referer value (RFC 9110 section 10.1.3); the host is in the group
`authsvc_referer_host`, whose prefix keeps nginx's variable of that name apart from other sites'. One
group, because nginx sets a variable for each and joins them, a read for a read."""
ORIGIN_PATTERN: Final = _authority("authsvc_origin")
"""A whole Origin value (RFC 6454 section 7.1), group as above."""
OPAQUE_ORIGIN: Final = "null"

FETCH_METADATA_PATTERN: Final = r"(?:cross|same)-site (?:(?:no-cors|cors) .*|.* (?:iframe|frame|object|embed))"
"""`Sec-Fetch-Site`, `-Mode` and `-Dest` (W3C Fetch Metadata), joined by one
space each, when a page embeds across sites. Destination alone would not do: a
service worker turns it into `empty`. What stands in the other word does not
matter: any byte but a line's end, which no header holds."""

DEFAULT_EDITOR_AGENTS: Final = ("Electron/", "Typora/", "obsidian/", "MWeb", "AppleWebKit/* (KHTML, like Gecko)$")
"""Editors show a local document, so their preview hides the Referer as a
stranger's page may; but no page chooses its visitors' User-Agent."""

_MIN_AGENT_LITERALS: Final = 4
_AGENT: Final = re.compile(r"""[ !#-\[\]-~]{1,200}""")

_referer: Final = re.compile(REFERER_PATTERN)
_origin: Final = re.compile(ORIGIN_PATTERN)
_fetch_metadata: Final = re.compile(FETCH_METADATA_PATTERN)


def agent_pattern(text: str) -> str:
    r"""Turn one `editor_agents` entry into a pattern to search a User-Agent for.

    The entry is literal text; `*` stands for any run of characters, and `$` at
    its end for the end of the header. Raises ValueError for an entry that is
    not printable ASCII without `"` and `\`, is longer than 200 characters, or
    has fewer than four literal characters and so would match almost anybody.
    """
    literal, end = (text[:-1], r"\Z") if text.endswith("$") else (text, "")
    if not _AGENT.fullmatch(text) or len(literal.replace("*", "").strip()) < _MIN_AGENT_LITERALS:
        msg = (
            f"{text!r} is not a usable piece of a User-Agent: give 4 to 200 printable ASCII characters "
            'without " and \\, * for any run of characters, $ at the end for the end'
        )
        raise ValueError(msg)
    return "[!-~ ]*".join(re.escape(piece) for piece in literal.split("*")) + end


class Basis(Enum):
    """Which header an embedder was told from."""

    REFERER = auto()
    ORIGIN = auto()
    OPAQUE_ORIGIN = auto()
    FETCH_METADATA = auto()
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class Reading:
    """The embedder, and what it was told from."""

    embedder: str
    basis: Basis
    editor: str | None = None
    """The entry of `editor_agents` that excuses a hidden page."""


def embedder_of(headers: Mapping[str, str], *, editor_agents: Iterable[str]) -> str:
    """Return the host that embeds, or `-none`, `-hidden` or `-invalid`; see `read_embedder`."""
    return read_embedder(headers, editor_agents=editor_agents).embedder


def read_embedder(headers: Mapping[str, str], *, editor_agents: Iterable[str]) -> Reading:
    """Return who embeds, and what tells so.

    `headers` has lower-case names; an empty value counts as absent, because
    nginx cannot tell the two apart.
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
