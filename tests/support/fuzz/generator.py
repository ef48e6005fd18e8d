"""Requests of pages, editors and attackers, the same for one seed."""

import random
from collections.abc import Iterator
from typing import Final

from tests.support.fuzz.request import LONGEST_LINE, UNSURE_LINE, Request, Version, has_empty_line
from tests.support.fuzz.values import Values
from tests.support.nginx.header_sets import AGENTS, DESTS, MODES, SITES

_VERSIONS: Final[dict[Version, int]] = {"1.1": 12, "1.0": 3, "1.0 without keep-alive": 1, "2": 4}
"""How many of twenty are of each."""
_ODD_NAMES: Final = (
    b"referer", b"REFERER", b"rEfErEr", b"Referer_", b"_Referer", b"Http_Referer", b"Http-Referer", b"Referrer",
    b"X-Referer",
    b"Referer ", b" Referer", b"Referer\t", b"Ref\0erer", b"Ref\xe9rer", b"Refere\x7fr", b"Ref;erer", b"",
    b"Referer\xa0", b"(Referer)",
    b"ORIGIN", b"origin", b"X-Origin", b"Origin_", b"Origin ", b"X-Forwarded-Host", b"X-Original-Host",
    b"X-Embedder", b"Sec_Fetch_Site",
)  # fmt: skip
_NOISE: Final = (
    b"Accept: image/avif,image/webp,*/*;q=0.8", b"Accept-Language: de", b"Cookie: a=b", b"DNT: 1",
    b"Cache-Control: no-cache",
    b"X-Forwarded-For: 127.0.0.1", b"X-Forwarded-Host: localhost", b"X-Sites-Revision: 999",
    b"X-Embedder: localhost",
    b"Authorization: Basic YTpi", b"Sec-Fetch-User: ?1", b"Sec-Fetch-Storage-Access: none", b"X-Real-IP: ::1",
    b"nonsense",
)  # fmt: skip


def requests(seed: int, numbers: range) -> Iterator[Request]:
    """Return the requests of these numbers; each depends on nothing but the seed and its own."""
    for number in numbers:
        yield _request(random.Random(f"{seed}/{number}"))


def _request(draw: random.Random) -> Request:
    values = Values(draw)
    lines: list[bytes] = []
    if draw.random() < 0.6:
        lines.append(_line(draw, b"Referer", values.url()))
    if draw.random() < 0.36:
        lines.append(_line(draw, b"Origin", b"null" if draw.random() < 0.2 else values.origin()))
    if draw.random() < 0.1:
        lines.append(_line(draw, draw.choice((b"Referer", b"Origin")), values.url()))
    if draw.random() < 0.45:
        lines += _metadata(draw)
    if draw.random() < 0.06:
        lines += _metadata(draw)
    if draw.random() < 0.03:
        lines.append(_line(draw, b"User-Agent", draw.choice(AGENTS).encode("latin-1")))
    if draw.random() < 0.5:
        lines.append(_line(draw, b"User-Agent", draw.choice(AGENTS).encode("latin-1")))
    if draw.random() < 0.06:
        lines.append(draw.choice(_ODD_NAMES) + b": " + values.url())
    if draw.random() < 0.3:
        lines.append(draw.choice(_NOISE))
    draw.shuffle(lines)
    version = draw.choices(list(_VERSIONS), list(_VERSIONS.values()))[0]
    made = map(_for_http2 if version == "2" else _for_http1, lines)
    return Request(tuple(line for line in made if line), version)


def _metadata(draw: random.Random) -> list[bytes]:
    """Return what a browser sends about a request, every seventh word of it random text."""
    words = {
        b"Sec-Fetch-Site": (SITES, SITES[1:5]),
        b"Sec-Fetch-Mode": (MODES, MODES[1:4]),
        b"Sec-Fetch-Dest": (DESTS, DESTS[1:8]),
    }
    drawn = [(name, draw.choice(odd if draw.random() < 0.14 else usual)) for name, (odd, usual) in words.items()]
    dashes = b"_" if draw.random() < 0.04 else b"-"
    return [
        _line(draw, name.replace(b"-", dashes), word.encode("latin-1")) for name, word in drawn if draw.random() < 0.95
    ]


def _line(draw: random.Random, name: bytes, value: bytes) -> bytes:
    spelled = draw.choice((name, name, name, name.lower(), name.upper(), name.swapcase()))
    colon = draw.choice((b": ", b": ", b": ", b": ", b":", b":   ", b": \t")) if draw.random() < 0.2 else b": "
    return spelled + colon + value


def _for_http1(line: bytes) -> bytes:
    """Lines are cut if it is unclear whether nginx reads them."""
    if LONGEST_LINE < len(line) <= UNSURE_LINE:
        line = line[:LONGEST_LINE]
    return b"\n".join(piece for piece in line.split(b"\n") if not has_empty_line(piece))


def _for_http2(line: bytes) -> bytes:
    """Names are lower case there, and values have no line ends."""
    name, _, value = line.partition(b":")
    name = bytes(byte for byte in name.lower() if chr(byte).isascii() and (chr(byte).isalnum() or byte in b"-_"))
    value = value.removeprefix(b" ").translate(None, b"\0\r\n")
    return (name + b": " + value)[:LONGEST_LINE] if name else b""
