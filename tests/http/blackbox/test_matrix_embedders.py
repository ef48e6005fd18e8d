"""The request matrix, second page: the embedder, from Referer, Origin and Sec-Fetch headers."""

import pytest

from tests.support.blackbox.matrix import ABSENT, BLOG, HIDING, HOTLINK, MISSING, PICTURE, STRANGER, Row, Scene
from tests.support.nginx.wire import Wire

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36"
WEBKIT = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
ORIGIN = "Access-Control-Allow-Origin"


def shown(behaviour: str, headers: dict[str, str], *, origin: str | None = None) -> Row:
    """A page that sends these headers shows the picture; its scripts may read it if the answer names `origin`."""
    return Row(behaviour, "GET", "{path}", headers, 200, PICTURE, {ORIGIN: origin})


def refused(behaviour: str, headers: dict[str, str]) -> Row:
    """A page that sends these headers shows the hotlink picture."""
    return Row(behaviour, "GET", "{path}", headers, 403, HOTLINK)


ROWS = (
    # Referer alone.
    shown("no header at all", {}),
    shown("an empty Referer", {"Referer": ""}),
    shown("a page on the list", BLOG),
    shown("the site without a path", {"Referer": "https://blog.example.com"}),
    shown("the site over plain HTTP", {"Referer": "http://blog.example.com/"}),
    shown("the site on another port", {"Referer": "https://blog.example.com:8443/"}),
    shown("the site on the highest port", {"Referer": "https://blog.example.com:65535/"}),
    shown("the site with a dot behind", {"Referer": "https://blog.example.com./"}),
    shown("the site with a query string", {"Referer": "https://blog.example.com/?q=https://stranger.example/"}),
    shown("below a wildcard", {"Referer": "https://www.example.org/"}),
    shown("far below a wildcard", {"Referer": "https://a.b.c.example.org/"}),
    shown("a site outside ASCII, as browsers send it", {"Referer": "https://xn--bcher-kva.example/"}),
    shown("a preview on localhost", {"Referer": "http://localhost:1313/post/"}),
    shown("a preview on 127.0.0.1", {"Referer": "http://127.0.0.1:4000/"}),
    shown("a preview on [::1]", {"Referer": "http://[::1]:4000/"}),
    shown("the service's own page", {"Referer": "https://img.example.net/7b/"}),
    refused("a stranger", STRANGER),
    refused("a wildcard's apex", {"Referer": "https://example.org/"}),
    refused("below a site that is no wildcard", {"Referer": "https://www.blog.example.com/"}),
    refused("a site's parent", {"Referer": "https://example.com/"}),
    refused("a host that ends like a site", {"Referer": "https://evilblog.example.com/"}),
    refused("a host that ends like a wildcard", {"Referer": "https://evilexample.org/"}),
    refused("a host that begins like a site", {"Referer": "https://blog.example.com.evil.example/"}),
    refused("a site in the path", {"Referer": "https://evil.example/https://blog.example.com/"}),
    refused("a site in the query string", {"Referer": "https://evil.example/?blog.example.com"}),
    refused("a site as the user", {"Referer": "https://blog.example.com@evil.example/"}),
    refused("a site as the user's password", {"Referer": "https://a:blog.example.com@evil.example/"}),
    refused("a site behind a backslash", {"Referer": "https://evil.example\\@blog.example.com/"}),
    refused("a site behind a fragment", {"Referer": "https://evil.example#@blog.example.com/"}),
    refused("a site in front of a fragment", {"Referer": "https://blog.example.com#@evil.example/"}),
    refused("a site in capitals", {"Referer": "https://BLOG.example.com/"}),
    refused("a scheme in capitals", {"Referer": "HTTPS://blog.example.com/"}),
    refused("another scheme", {"Referer": "ftp://blog.example.com/"}),
    refused("no scheme", {"Referer": "blog.example.com/"}),
    refused("a scheme alone", {"Referer": "https://"}),
    refused("a relative scheme", {"Referer": "//blog.example.com/"}),
    refused("an opaque Referer", {"Referer": "about:client"}),
    refused("a site with two dots behind", {"Referer": "https://blog.example.com../"}),
    refused("a site with a dot in front", {"Referer": "https://.blog.example.com/"}),
    refused("a site with its dot escaped", {"Referer": "https://blog%2eexample.com/"}),
    refused("a site with a space behind", {"Referer": "https://blog.example.com /"}),
    refused("a site with a NUL escaped behind", {"Referer": "https://blog.example.com%00.evil.example/"}),
    refused("a port above the highest", {"Referer": "https://blog.example.com:65536/"}),
    refused("an empty port", {"Referer": "https://blog.example.com:/"}),
    refused("a port of letters", {"Referer": "https://blog.example.com:http/"}),
    refused("a letter outside ASCII in the path", {"Referer": "https://blog.example.com/\xfc"}),
    refused("two addresses in one Referer", {"Referer": "https://blog.example.com/, https://evil.example/"}),
    refused("a site outside ASCII, as it is read", {"Referer": "https://b\xfccher.example/"}),
    refused("localhost in decimal", {"Referer": "http://2130706433/"}),
    refused("localhost below a stranger", {"Referer": "http://localhost.evil.example/"}),
    refused("[::1] as it is not written", {"Referer": "http://[0:0:0:0:0:0:0:1]/"}),
    refused("8,000 bytes of path behind a stranger", {"Referer": "https://evil.example/{quite_long}{quite_long}"}),
    shown("8,000 bytes of path behind a site", {"Referer": "https://blog.example.com/{quite_long}{quite_long}"}),
    # Origin, which counts where there is no Referer.
    shown("Origin of a site", {"Origin": "https://blog.example.com"}, origin="https://blog.example.com"),
    shown("Origin of a site on a port", {"Origin": "http://localhost:1313"}, origin="http://localhost:1313"),
    shown(
        "Origin beside its Referer", {**BLOG, "Origin": "https://blog.example.com"}, origin="https://blog.example.com"
    ),
    shown("Origin of a stranger beside a site's Referer", {**BLOG, "Origin": "https://stranger.example"}),
    shown("Origin of another site beside a site's Referer", {**BLOG, "Origin": "https://www.example.org"}),
    shown("opaque Origin beside a site's Referer", {**BLOG, "Origin": "null"}),
    refused("Origin of a stranger", {"Origin": "https://stranger.example"}),
    refused("Origin of a site beside a stranger's Referer", {**STRANGER, "Origin": "https://blog.example.com"}),
    refused("Origin of a site with a path", {"Origin": "https://blog.example.com/"}),
    refused("Origin that is a wildcard", {"Origin": "*"}),
    refused("opaque Origin", {"Origin": "null"}),
    refused("opaque Origin in capitals", {"Origin": "NULL"}),
    refused("opaque Origin of a browser", {"Origin": "null", "User-Agent": CHROME}),
    shown("an empty Origin", {"Origin": ""}),
    # Sec-Fetch, which counts where there is neither.
    refused("a page that hides its Referer", HIDING),
    refused("a page that fetches and hides it", {**HIDING, "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}),
    refused("a sub-domain that hides it", {**HIDING, "Sec-Fetch-Site": "same-site"}),
    refused("a frame", {**HIDING, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}),
    refused("an <object>", {**HIDING, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "object"}),
    refused("an <embed>", {**HIDING, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "embed"}),
    refused("a hidden Referer, whatever the destination", {**HIDING, "Sec-Fetch-Dest": "\xfc"}),
    refused("a hidden Referer and two destinations", {**HIDING, "Sec-Fetch-Dest": "image document"}),
    refused("a hidden Referer and a destination with a tab", {**HIDING, "Sec-Fetch-Dest": "im\tage"}),
    refused("a hidden Referer without a destination", {**HIDING, "Sec-Fetch-Dest": ""}),
    refused("a frame, whatever its mode", {**HIDING, "Sec-Fetch-Mode": "\xfc", "Sec-Fetch-Dest": "iframe"}),
    refused("a frame without a mode", {**HIDING, "Sec-Fetch-Mode": "", "Sec-Fetch-Dest": "iframe"}),
    shown("a link", {**HIDING, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}),
    shown("the address bar", {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}),
    shown("a page of the same origin", {**HIDING, "Sec-Fetch-Site": "same-origin"}),
    shown("a site, whatever Sec-Fetch says", {**BLOG, **HIDING}),
    refused("a stranger, whatever Sec-Fetch says", {**STRANGER, "Sec-Fetch-Site": "same-origin"}),
    # Editors, whose previews hide the Referer.
    shown("a preview in Typora", {**HIDING, "User-Agent": f"{CHROME} Electron/30.0 Typora/1.9"}),
    shown("a preview in Obsidian", {**HIDING, "User-Agent": f"{CHROME} obsidian/1.7 Electron/32.0"}),
    shown("a preview in MWeb", {"Origin": "null", "User-Agent": WEBKIT}),
    refused("Safari", {"Origin": "null", "User-Agent": f"{WEBKIT} Version/18.0 Safari/605.1.15"}),
    refused("a stranger in an editor", {**STRANGER, "User-Agent": "Typora/1.9"}),
    refused("nonsense in an editor", {"Referer": "nonsense", "User-Agent": "Typora/1.9"}),
    # The same verdict at the other addresses.
    Row("a site at the old address", "GET", "/?path={path}", BLOG, 200, PICTURE),
    Row("a site at the escaped old address", "GET", "/?path={escaped}", BLOG, 200, PICTURE),
    Row("a stranger at the old address", "GET", "/?path={path}", STRANGER, 403, HOTLINK),
    Row("a stranger at the escaped old address", "GET", "/?path={escaped}", STRANGER, 403, HOTLINK),
    Row("a stranger where nothing is stored", "GET", ABSENT, STRANGER, 403, HOTLINK),
    Row("a stranger at the old address of nothing", "GET", f"/?path={ABSENT}", STRANGER, 403, HOTLINK),
    Row("a site where nothing is stored", "GET", ABSENT, BLOG, 404, MISSING),
    Row("a stranger where no picture can be", "GET", "/index.html", STRANGER, 404, MISSING),
    Row("a stranger at no canonical address", "GET", "{path}?x=1", STRANGER, 404, MISSING),
    Row("a stranger at another host's address", "GET", "http://localhost{path}", STRANGER, 403, HOTLINK),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.behaviour)
def test_embedder(scene: Scene, wire: Wire, row: Row) -> None:
    scene.check(row, scene.send(row, wire))
