"""The decision table: a situation, the headers that are sent, and the verdict.

The tests check every row in Python and in nginx; docs/verdict.md shows the table.
"""

from dataclasses import dataclass
from typing import Final

from authsvc.verdict.policy import Reason

SITES: Final = ("blog.example.com", "*.example.org", "xn--bcher-kva.example", "[2001:db8::1]")
"""The sites on the list, in addition to `localhost`, `127.0.0.1` and `[::1]`, which are always there."""
PUBLIC_URL: Final = "https://img.example.com"

_KNOWN, _OWN, _STRANGER = Reason.KNOWN_SITE, Reason.OWN_HOST, Reason.STRANGER
_NONE, _HIDDEN, _INVALID = Reason.NO_REFERER, Reason.HIDDEN_REFERER, Reason.INVALID_REFERER
_CROSS: Final = "Sec-Fetch-Site: cross-site\nSec-Fetch-Mode: no-cors\nSec-Fetch-Dest: image"
_CHROME: Final = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
_WEBKIT: Final = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"


@dataclass(frozen=True, slots=True)
class Decision:
    """One row. `sent` has one header a line."""

    situation: str
    sent: str
    embedder: str
    reason: Reason
    allowed: bool

    @property
    def headers(self) -> dict[str, str]:
        """The headers by their names as sent."""
        return dict(line.split(": ", 1) for line in self.sent.splitlines())


def _host(situation: str, host: str, reason: Reason, *, sent: str = "") -> Decision:
    text = sent or f"Referer: https://{host}/post"
    return Decision(situation, text, host, reason, reason in {_KNOWN, _OWN})


def _word(situation: str, sent: str, reason: Reason) -> Decision:
    words = {_NONE: "-none", _HIDDEN: "-hidden", _INVALID: "-invalid"}
    return Decision(situation, sent, words[reason], reason, reason is _NONE)


DECISIONS: Final = (
    _host("A page on the list", "blog.example.com", _KNOWN),
    _host("… that sends only its origin", "blog.example.com", _KNOWN, sent="Referer: https://blog.example.com/"),
    _host("… over plain HTTP, on another port", "blog.example.com", _KNOWN, sent="Referer: http://blog.example.com:81/"),
    _host("… with a dot at the end of its name", "blog.example.com", _KNOWN, sent="Referer: https://blog.example.com./"),
    _host("A page below a `*.` entry", "a.b.example.org", _KNOWN),
    _host("The domain of a `*.` entry itself (its apex)", "example.org", _STRANGER),
    _host("A host with non-ASCII letters", "xn--bcher-kva.example", _KNOWN),
    _host("An IPv6 address", "[2001:db8::1]", _KNOWN, sent="Referer: http://[2001:db8::1]:4000/"),
    _host("A blog's preview on your own machine", "localhost", _KNOWN, sent="Referer: http://localhost:1313/post"),
    _host("A page of the service itself", "img.example.com", _OWN),
    _host("A stranger's page", "stranger.example", _STRANGER),
    _host("A host whose end equals a host on the list", "notblog.example.com", _STRANGER),
    _host("A host whose beginning equals one", "blog.example.com.stranger.example", _STRANGER),
    _host("A stranger with an allowed address in its path", "stranger.example", _STRANGER,
          sent="Referer: https://stranger.example/?https://blog.example.com/"),
    _host("A host with the name `none`", "none", _STRANGER, sent="Referer: http://none/"),
    _host("Referer and Origin differ: the Referer counts", "stranger.example", _STRANGER,
          sent="Referer: https://stranger.example/\nOrigin: https://blog.example.com"),
    _host("A script of a page on the list, Referer hidden", "blog.example.com", _KNOWN,
          sent="Origin: https://blog.example.com\nSec-Fetch-Site: cross-site\nSec-Fetch-Mode: cors"),
    _host("A script of a stranger's page, Referer hidden", "stranger.example", _STRANGER,
          sent="Origin: https://stranger.example\nSec-Fetch-Site: cross-site\nSec-Fetch-Mode: cors"),
    _word("curl, a feed reader, an app", "", _NONE),
    _word("The address bar, a bookmark",
          "Sec-Fetch-Site: none\nSec-Fetch-Mode: navigate\nSec-Fetch-Dest: document", _NONE),
    _word("A link on another site, Referer hidden",
          "Sec-Fetch-Site: cross-site\nSec-Fetch-Mode: navigate\nSec-Fetch-Dest: document", _NONE),
    _word("A page of the service itself, Referer hidden",
          "Sec-Fetch-Site: same-origin\nSec-Fetch-Mode: no-cors\nSec-Fetch-Dest: image", _NONE),
    _word("A page that hides its Referer", _CROSS, _HIDDEN),
    _word("… from a service worker, with an empty destination",
          "Sec-Fetch-Site: cross-site\nSec-Fetch-Mode: no-cors\nSec-Fetch-Dest: empty", _HIDDEN),
    _word("… on another sub-domain of the same site",
          "Sec-Fetch-Site: same-site\nSec-Fetch-Mode: no-cors\nSec-Fetch-Dest: image", _HIDDEN),
    _word("… that shows the picture in a frame",
          "Sec-Fetch-Site: cross-site\nSec-Fetch-Mode: navigate\nSec-Fetch-Dest: iframe", _HIDDEN),
    _word("A script of a sandboxed frame, a `data:` or a `file:` page", "Origin: null", _HIDDEN),
    _word("… in an ordinary browser", f"Origin: null\nUser-Agent: {_CHROME}", _HIDDEN),
    _word("Typora's, Obsidian's or VS Code's preview", f"{_CROSS}\nUser-Agent: {_CHROME} Electron/30.0", _NONE),
    _word("MWeb's preview, a bare WebKit view", f"Origin: null\nUser-Agent: {_WEBKIT}", _NONE),
    _host("A stranger's page with the User-Agent of an editor", "stranger.example", _STRANGER,
          sent="Referer: https://stranger.example/\nUser-Agent: a Electron/30.0"),
    _word("Two dots at the end of the host", "Referer: https://blog.example.com../", _INVALID),
    _word("Capital letters in the host", "Referer: https://Blog.example.com/", _INVALID),
    _word("A user name before the host", "Referer: https://blog.example.com@stranger.example/", _INVALID),
    _word("A port above 65535", "Referer: https://blog.example.com:65536/", _INVALID),
    _word("Another scheme", "Referer: ftp://blog.example.com/", _INVALID),
    _word("A value that is not an address", "Referer: blog.example.com", _INVALID),
    _word("An Origin with a path", "Origin: https://blog.example.com/", _INVALID),
)  # fmt: skip
