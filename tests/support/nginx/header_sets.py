"""Request headers from the pages, browsers, editors and attackers of a bad day."""

import itertools
import random
from typing import Final

HeaderSet = tuple[tuple[str, str], ...]

HOSTS: Final = (
    "localhost", "127.0.0.1", "[::1]", "[2001:db8::1]", "[2001:0db8::1]", "[::ffff:7f00:1]", "[v1.a]", "[::1",
    "example.com", "www.example.com", "a.b.example.com", "a..example.com", ".example.com", "-a.example.com",
    "a-.example.com", "example.com-", "_.example.com", "*.example.com", "wwwexample.com", "example.com.evil.net",
    "example.org", "example.org.", "example.org..", "Example.org", "evilexample.org", "example.org.evil.net",
    "www.example.org", "xn--bcher-kva.de", "b\xfccher.de", "b%C3%BCcher.de", "a_b.example", "img.own.example",
    "default", "include", "hostnames", "volatile", "none", "hidden", "invalid", "-none", "-hidden", "-invalid",
    "a" * 253, "a" * 254, f"{'a.' * 126}b", f"{'a.' * 120}example.com", "user@example.org", "example.org@evil.net",
    "user:pw@example.org", "example.org%2eevil.net", "example.org\\@evil.net", "exam ple.org", "example.org\t",
    "127.1", "0x7f.0.0.1", "0177.0.0.1", "2130706433", "evil.net", "x.evil.net", "1", "", "_", "-", ".", "..",
    "localhost.", "127.0.0.1.", "example.org,evil.net", "example.org;evil.net", "example.org\x0b", "\xa0example.org",
)  # fmt: skip
SCHEMES: Final = ("http://", "https://")
ODD_SCHEMES: Final = (
    "HTTP://", "ftp://", "//", "http:/", "http:", "http:\\\\", "", "http://http://", "view-source:http://", " http://",
    "\thttp://", "blob:http://", "httpss://", "https:// ", "chrome-extension://", "android-app://",
)  # fmt: skip
PORTS: Final = ("", "", "", ":80", ":0", ":1313", ":65535")
ODD_PORTS: Final = (":65536", ":99999", ":123456", ":00080", ":08", ":", "::80", ":8_0", ":-1", ":80:80", ":8\xb2")
PATHS: Final = ("", "/", "/post/1?a=b")
ODD_PATHS: Final = (
    "?a=b", "#a", "/a b", "/\xfc", "/\x7f", "/\t", "\\a", "/ ", "/;}{$host", '/"', "/%00", f"/{'a' * 2000}", "/\x01",
    ", http://example.org/", "/, http://evil.net/", " http://example.org/",
)  # fmt: skip
OPAQUE: Final = ("null", "NULL", "null ", "null/", "about:blank", "about:srcdoc", "undefined", "*", "file://")
SITES: Final = ("", "cross-site", "same-site", "same-origin", "none", "Cross-Site", "cross-site no-cors", "x")
MODES: Final = ("", "no-cors", "cors", "navigate", "websocket", "same-origin", "No-Cors", "no-cors x")
DESTS: Final = (
    "",
    "image",
    "empty",
    "iframe",
    "frame",
    "object",
    "embed",
    "document",
    "IFRAME",
    "image iframe",
    "\xfc",
)
WEBKIT: Final = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
CHROME: Final = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36"
AGENTS: Final = (
    "", "curl/8.5.0", CHROME, f"{CHROME} Electron/30", WEBKIT, f"{WEBKIT} ", f"{WEBKIT} Version/18.0 Safari/605",
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Electron/30", "electron/30",
    "xElectron/", "Electron", "Typora/1.9", "typora/1.9", "obsidian/1.7", "Obsidian/1.7", "MWeb", "MWebKit", "mweb",
    "AppleWebKit/ (KHTML, like Gecko)", "AppleWebKit/\xfc (KHTML, like Gecko)", "AppleWebKit/1 (KHTML, like Gecko)\x0b",
    "AppleWebKit/1 (KHTML, like Gecko) AppleWebKit/2 (KHTML, like Gecko)",
)  # fmt: skip


def by_hand() -> list[HeaderSet]:
    """Every odd value once, beside values that would be allowed."""
    good = "http://example.org/"
    fetch = [
        (("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", mode), ("Sec-Fetch-Dest", dest))
        for site, mode, dest in itertools.product(SITES, MODES, DESTS)
    ]
    hiding: HeaderSet = (("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "image"))
    return [
        (),
        *((("Referer", f"http://{host}/"),) for host in HOSTS),
        *((("Referer", f"https://{host}"),) for host in HOSTS),
        *((("Origin", f"http://{host}"),) for host in HOSTS),
        *((("Referer", f"{scheme}example.org/"),) for scheme in ODD_SCHEMES),
        *((("Origin", f"{scheme}example.org"),) for scheme in ODD_SCHEMES),
        *((("Referer", f"http://example.org{port}/"),) for port in (*PORTS, *ODD_PORTS)),
        *((("Origin", f"http://example.org{port}"),) for port in (*PORTS, *ODD_PORTS)),
        *((("Referer", f"http://example.org{path}"),) for path in ODD_PATHS),
        *((("Origin", f"http://example.org{path}"),) for path in (*PATHS, *ODD_PATHS)),
        *((("Referer", word),) for word in OPAQUE),
        *((("Origin", word),) for word in OPAQUE),
        *((("Referer", ""), ("Origin", word)) for word in ("", *OPAQUE)),
        *((("Referer", "http://evil.net/"), ("Origin", f"http://{host}")) for host in HOSTS[:12]),
        *((("Referer", good), ("Origin", word)) for word in OPAQUE),
        *((("Origin", "null"), ("User-Agent", agent)) for agent in AGENTS),
        *((*hiding, ("User-Agent", agent)) for agent in AGENTS),
        *((("Referer", "http://evil.net/"), ("User-Agent", agent)) for agent in AGENTS),
        *((("Referer", "nonsense"), ("User-Agent", agent)) for agent in AGENTS),
        *(sets for number, sets in enumerate(fetch) if number % 3 == 0),
        (("referer", good),),
        (("REFERER", "http://evil.net/"),),
        (("Referer_", good), ("Http_Referer", good), ("Sec_Fetch_Site", "cross-site"), ("Sec_Fetch_Mode", "cors")),
        (("Referrer", good), ("X-Referer", good)),
    ]


def generated(count: int, *, seed: int) -> list[HeaderSet]:
    """Return `count` sets drawn from all of the above, the same for one seed."""
    draw = random.Random(seed)

    def url(paths: tuple[str, ...]) -> str:
        def pick(usual: tuple[str, ...], odd: tuple[str, ...]) -> str:
            return draw.choice(odd if draw.random() < 0.05 else usual)

        text = pick(SCHEMES, ODD_SCHEMES) + draw.choice(HOSTS) + pick(PORTS, ODD_PORTS) + pick(paths, ODD_PATHS)
        if draw.random() < 0.1:
            at = draw.randrange(len(text) + 1)
            text = text[:at] + draw.choice(" .:/@%[]\\-_\t\x7f\xe9,0aZ") + text[at:]
        return text

    def header_set() -> HeaderSet:
        found = []
        if draw.random() < 0.5:
            found.append(("Referer", url(PATHS)))
        if draw.random() < 0.4:
            found.append(("Origin", draw.choice(OPAQUE) if draw.random() < 0.4 else url(("",))))
        if draw.random() < 0.6:
            found += [("Sec-Fetch-Site", draw.choice(SITES)), ("Sec-Fetch-Mode", draw.choice(MODES))]
            found.append(("Sec-Fetch-Dest", draw.choice(DESTS)))
        if draw.random() < 0.7:
            found.append(("User-Agent", draw.choice(AGENTS)))
        draw.shuffle(found)
        return tuple(found)

    return [header_set() for _ in range(count)]
