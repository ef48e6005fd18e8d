"""Values of Referer and Origin: what browsers send, and what attackers make of it."""

import random
from typing import Final

from ada_url import URL

from tests.support.fuzz.sites import EXACT, FROM_THE_START, LONGEST, OWN_HOSTS, PARENTS

_NAMES: Final = (*EXACT, *FROM_THE_START, *OWN_HOSTS)
_STRANGERS: Final = (
    "evil.test", "x.evil.test", "none", "hidden", "invalid", "null", "1.2.3.4", "[2001:db8::2]", "[::]", "com",
    "example",
    "xn--bcher-kva.test", "xn--80ak6aa92e.com", "host.docker.internal", "127.0.0.2", "[::ffff:7f00:2]", "a" * 253,
)  # fmt: skip
_LABELS: Final = (
    "www",
    "a.b",
    "a",
    "1",
    "_dmarc",
    "xn--bcher-kva",
    "a--b",
    "x-",
    "a.",
    "m" * 63,
    "-a",
    "a!b",
    "",
    "*",
    "%61",
)
_PATHS: Final = (
    "/", "/", "/post/1", "/post/1?a=b&c=d", "/%E4%BD%A0%E5%A5%BD", "/?u=http://example.org/", "/a;b,c", "/~u/'x'",
    "/a@b:c",
    "/[1]|2", "/?q={x}", "/../..", "/.well-known/", "//example.org/", "/?",
    "/index.html?ref=https%3A%2F%2Fevil.test",
)  # fmt: skip
_PORTS: Final = ("", "", "", "", ":81", ":8443", ":1313", ":65535", ":0", ":1")
_ODD_PORTS: Final = (
    ":80", ":443", ":65536", ":65537", ":99999", ":131152", ":4294967376", ":00080", ":08", ":", "::80", ":8_0",
    ":-1", ":+80",
    ":80:80", ":0x50", ":8\xb2", ":8e1", ": 80", ":80 ", ":65535.", ".:80", "..:80", ":6553a", ":06553", ":655360",
)  # fmt: skip
_ODD_SCHEMES: Final = (
    "HTTP://", "Https://", "ftp://", "ws://", "//", "http:/", "http:", "http:\\\\", "", "http:///",
    "http://http://", "file://",
    "view-source:http://", "blob:https://", "data:text/html,http://", "chrome-extension://", "android-app://",
    "h\tttp://",
    "httpss://", "https//", "https: //", "javascript:http://", "about:http://", "\x0bhttp://", "http://\\",
    "http://@", "http://:@",
)  # fmt: skip
_OPAQUE: Final = (
    "null",
    "null",
    "NULL",
    "null,",
    "about:blank",
    "about:srcdoc",
    "undefined",
    "*",
    "file://",
    "data:",
    "/",
    "http://",
)
_TAILS: Final = (
    "?a=b", "#a", "#", "\\", "\\@evil.test", "/a b", "/a\tb", "/\xfc", "/\x7f", "/\x01", "/<>", '/"', "/`{}^",
    "/%00", "/%zz",
    "/#http://evil.test/", "/a#b", ", http://evil.test/", "/, http://example.org/", " http://example.org/",
    ";evil.test",
    "&", "%", "%00", "%2f", "%2eevil.test", ".", "..", "../", "./", "...", "/..", "/./", "|", "'", "$host",
    "/$host;}{",
)  # fmt: skip
_LOOK_ALIKES: Final = str.maketrans(
    {"e": "\u0435", "o": "\u043e", "a": "\u0430", ".": "\u3002", "p": "\uff50", "l": "\u217c", "x": "\u0445"}
)
_LONG: Final = (300, 1000, 4000, 7900, 8000)
_TOO_LONG: Final = (8192, 9000, 16000)


class Values:
    """Draws values, the same for the same random numbers."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._ways = (
            *[self.from_browser] * 8,
            *[self._mutated] * 5,
            *[self._look_alike] * 4,
            *[self._near_host] * 3,
            *[self._odd_port] * 2,
            *[self._odd_tail] * 2,
            *[self._user_info] * 2,
            *[self._spliced] * 2,
            self._odd_scheme,
            self._percent_encoded,
            self._spelled_otherwise,
            self._raw,
            self._long,
            self._blanks,
            self._opaque,
        )

    def url(self) -> bytes:
        """Return a value for Referer or Origin; about every fourth is a browser's."""
        return self._draw.choice(self._ways)()

    def origin(self) -> bytes:
        """Return a value for Origin: most often such a value without its path."""
        value = self.url()
        scheme, slashes, rest = value.partition(b"://")
        return value if self._draw.random() < 0.1 else scheme + slashes + rest.partition(b"/")[0]

    def from_browser(self) -> bytes:
        """Return what a browser sends for a page: its address, or the origin alone."""
        url = URL(self._valid())
        return (url.origin if self._draw.random() < 0.4 else url.href).encode()

    def host(self) -> str:
        """Return a host, most often an allowed one or one below a wildcard."""
        draw = self._draw
        match draw.randrange(8):
            case 0 | 1 | 2:
                return draw.choice(_NAMES)
            case 3 | 4:
                return f"{draw.choice(_LABELS[:10])}.{draw.choice(PARENTS)}"
            case 5:
                return f"{draw.choice(_LABELS)}.{draw.choice(_NAMES)}"
            case 6:
                return draw.choice(_STRANGERS)
            case _:
                return f"h{draw.randrange(10**4)}.{draw.choice((*_STRANGERS[:2], *PARENTS))}"

    def _valid(self) -> str:
        """Return an address that every parser understands."""
        draw = self._draw
        while True:
            dot = "." if draw.random() < 0.06 else ""
            text = f"{self._scheme()}{self.host()}{dot}{draw.choice(_PORTS)}{draw.choice(_PATHS)}"
            try:
                URL(text)
            except ValueError:
                continue
            return text

    def _scheme(self) -> str:
        return self._draw.choice(("http://", "https://"))

    def _mutated(self) -> bytes:
        value = bytearray(self.from_browser())
        for _ in range(self._draw.choice((1, 1, 1, 2))):
            # The first forty bytes decide; what a path has in it is tried less often.
            at = self._draw.randrange(min(len(value), self._draw.choice((40, 400))) or 1)
            byte = self._draw.choice((self._draw.randrange(1, 256), *b".:/@%[]-_\\,"))
            match self._draw.randrange(3):
                case 0:
                    value[at : at + 1] = bytes([byte])
                case 1:
                    value.insert(at, byte)
                case _:
                    del value[at : at + 1]
        return bytes(value)

    def _look_alike(self) -> bytes:
        draw = self._draw
        host = draw.choice((*_NAMES, *PARENTS))
        name = draw.choice(
            (
                f"{host}.evil.test", f"evil{host}", f"evil-{host}", f"{host}x", f"{host}-evil.test",
                f"evil.test.{host}x",
                f".{host}", f"{host}..", f"{host}.", f"a.{host}..", host.replace(".", ""), host.replace(".",
                "x", 1),
                host.translate(_LOOK_ALIKES), host.upper(), host.title(), host.replace(".", ".."),
                host.replace(".", "\u3002"),
                f"{host}\u200b", f"{host}\xad", host.replace("o", "0"), f"{host},evil.test", f"{host}%evil.test",
                f"{host};.evil.test", f"-{host}", f"{host}_", f"{host}%00.evil.test", f"{host}\x00"[:-1] + "\x01",
                host.partition(".")[2] or host, f"~{host}", f"*.{host}", f"{host}&a", f"a.{host}", f"_.{host}",
            )
        )  # fmt: skip
        return f"{self._scheme()}{name}{draw.choice(_PORTS)}{draw.choice(_PATHS)}".encode()

    def _near_host(self) -> bytes:
        host = self.host()
        dots = self._draw.choice(("", "", ".", "..", "..."))
        tail = self._draw.choice(("", *_PATHS))
        return f"{self._scheme()}{host}{dots}{self._draw.choice(_PORTS)}{tail}".encode()

    def _odd_port(self) -> bytes:
        tail = self._draw.choice(("", *_PATHS))
        return f"{self._scheme()}{self.host()}{self._draw.choice(_ODD_PORTS)}{tail}".encode("latin-1")

    def _odd_tail(self) -> bytes:
        port = self._draw.choice(_PORTS)
        return f"{self._scheme()}{self.host()}{port}{self._draw.choice(_TAILS)}".encode("latin-1")

    def _odd_scheme(self) -> bytes:
        return f"{self._draw.choice(_ODD_SCHEMES)}{self.host()}{self._draw.choice(_PATHS)}".encode()

    def _user_info(self) -> bytes:
        draw = self._draw
        good, bad = draw.choice(_NAMES), draw.choice(_STRANGERS)
        form = draw.choice(
            (
                "{good}@{bad}", "{bad}@{good}", "{good}:80@{bad}", "{good}%40{bad}", "{good}\\@{bad}",
                "{good}/@{bad}", "@{good}",
                "{good}#@{bad}", "{good}?@{bad}", "user:pw@{good}", ":@{good}", "{good}@", "{good}@{good}",
                "{bad}@{good}@{bad}",
                "{good}:@{bad}", "{good};@{bad}", "{good}%00@{bad}", "{good}.@{bad}", "{good}\t@{bad}",
                "{good}:{bad}", "%40{good}",
            )
        )  # fmt: skip
        return f"{self._scheme()}{form.format(good=good, bad=bad)}{draw.choice(_PATHS)}".encode()

    def _spliced(self) -> bytes:
        one, other = self.from_browser(), self.from_browser()
        between = self._draw.choice(
            (b"", b"", b",", b", ", b" ", b";", b"@", b"/", b"#", b"\t", b"\\", b"\n", b"\r\n ", b"\r\nReferer: ")
        )
        return one[: self._draw.randrange(len(one) + 1)] + between + other[self._draw.randrange(len(other)) :]

    def _percent_encoded(self) -> bytes:
        text = self._valid()
        return "".join(f"%{ord(c):02x}" if self._draw.random() < 0.1 else c for c in text).encode()

    def _spelled_otherwise(self) -> bytes:
        """Return an address whose host a lenient parser reads as an allowed one."""
        host = self._draw.choice(
            (
                "127.1", "0x7f.0.0.1", "0177.0.0.1", "2130706433", "0x7f000001", "127.0.0.1.", "127.0.1",
                "[0:0:0:0:0:0:0:1]",
                "[2001:db8:0::1]", "[2001:DB8::1]", "[2001:0db8::1]", "[::ffff:127.0.0.1]", "[::1%25lo]", "[::1]:",
                "[::1].",
                "[v1.a]", "[::1", "::1", "[[::1]]", "[]", "[:]", "[1]", "[::7f00:1]", "[2001:db8::0001]",
                "[2001:db8:0:0:0:0:0:1]",
                "3221225991", "192.0.519", "0300.0.2.7", "b\u00fccher.de", "B\u00dcCHER.de", "xn--BCHER-kva.de",
                "XN--bcher-kva.de",
                "a.m\u00fcnchen.example", "\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54", "LOCALHOST",
                "example\uff0eorg",
            )
        )  # fmt: skip
        return f"{self._scheme()}{host}{self._draw.choice(_PORTS)}{self._draw.choice(_PATHS)}".encode()

    def _raw(self) -> bytes:
        noise = bytes(self._draw.choices(range(1, 256), k=self._draw.randrange(1, 60)))
        return self._draw.choice(
            (noise, b"http://" + noise, b"http://example.org/" + noise, b"https://example.org" + noise)
        )

    def _long(self) -> bytes:
        size = self._draw.choice((*_LONG, *_LONG, *_TOO_LONG))
        good = self._draw.choice(_NAMES)
        return self._draw.choice(
            (
                f"https://{good}/{'p' * size}", f"https://{good}/?{'%41' * (size // 3)}", f"https://{'h' * size}/",
                f"https://{'h' * size}.{PARENTS[0]}/", f"https://{'h.' * (size // 2)}example.com/",
                f"{'h' * size}", f"http://{good}{'.' * size}",
                f"https://{good}:{'0' * size}80/", f"http://{'u' * size}@{good}/",
                f"http://{LONGEST}./{'p' * (size - 400)}",
                *(f"https://{'h' * (n - 12)}.example.com{dot}/" for n in (252, 253, 254, 255) for dot in ("", ".")),
                f"https://{LONGEST}/", f"https://{LONGEST}.", f"https://a.{LONGEST}/", f"https://x{LONGEST}/",
            )
        ).encode()  # fmt: skip

    def _blanks(self) -> bytes:
        value, draw = self.from_browser(), self._draw
        blank = draw.choice(
            (
                b" ",
                b"  ",
                b"\t",
                b" \t ",
                b"\x0b",
                b"\x0c",
                b"\xa0",
                b"\r",
                b"\r\n ",
                b"\r\n\t",
                b"\n ",
                b"\0",
                b"\xc2\xa0",
            )
        )
        at = draw.choice((0, len(value), draw.randrange(len(value) + 1)))
        return value[:at] + blank + value[at:]

    def _opaque(self) -> bytes:
        return self._draw.choice(_OPAQUE).encode()
