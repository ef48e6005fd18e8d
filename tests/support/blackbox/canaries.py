"""Files that must never be sent, and addresses that try to reach them."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.support.stack import Stack

SECRET: Final = "canary5f0e9b7c"
"""Letters and digits that are allowed in a token's name, a host, a comment and a file's name."""
KEY: Final = "0c/0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c.png"
"""A picture's path that exists everywhere but in the store."""

SETTINGS: Final = f"# {SECRET}\nupload_rate = 1000\n"

_FOLDERS: Final = (
    "tmp", "trash", "catalog", "run", "log", "nginx", "nginx/conf", "nginx/conf/snippets", "nginx/conf/placeholders",
    "acme", "acme/.well-known", "private", "blobs-secret", "blobs.bak", "blob", "_picture", "_asked", "static", "",
)  # fmt: skip
_FILES: Final = ("canary.png", "privkey.pem", "000000000000000000000000000000.png", KEY)
_IN_STORE: Final = (
    "canary.png", ".canary.png", "00/canary.png", "00/.canary.png", "00/000000000000000000000000000000.svg",
    "00/0000000000000000000000000000000.png", "0/00000000000000000000000000000000.png", "00/0c/canary.png",
    "00/000000000000000000000000000000.png.bak", "00/000000000000000000000000000000.PNG",
)  # fmt: skip

_PIECES: Final = (
    "..", ".", "", "%2e%2e", "%2E.", ".%2e", "..%2f", "%2f", "%5c", "..\\", "..;", "%252e%252e", "%c0%ae%c0%ae",
    "%u002e", "....", "..%00", "..%0d%0a", "%e0%80%ae", "00", "0c", "7b", "tmp", "trash", "catalog", "run", "log",
    "nginx", "conf", "snippets", "blobs", "blobs-secret", "blobs..", "acme", "private", "privkey.pem", "canary.png",
    "_picture", "_picture..", "_asked", "_asked..", "_placeholder", "_auth", "_token", "_error",
    "legacy", "verdict", "metrics",
    "static", "etc", "passwd", "proc", "self", "environ", "fd", "var", "~root", ".git", ".env", ".well-known",
    "acme-challenge", "authsvc.toml", "catalog.sqlite3", "catalog.sqlite3-wal", "authsvc.sock", "sites.list",
    "authsvc-sites.conf", "nginx.conf", "service.pid", "access.log", "error.log", "0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c.png",
    "000000000000000000000000000000.png", "0000000000000000000000000000000.png", "000000000000000000000000000000.svg",
)  # fmt: skip
_STARTS: Final = (
    "/", "/", "/", "//", "/?path=", "/?path=", "/?path=/", "/?path=%2F", "/?path=/_picture/", "/?path=_picture/",
    "/_picture/", "/_picture", "/_picture/00/", "/_picture../", "/_asked/", "/_asked/00/", "/_asked../",
    "/00/", "/00/..", "/.well-known/acme-challenge/",
    "/.well-known/acme-challenge/..", "/legacy?path=", "/api/v1/", "/admin/", "/robots.txt/", "/static/", "",
    "http://localhost/", "http://localhost/?path=", "/?x=&path=", "/?path[]=", "/?path=http://localhost/",
    "/?path=file:///", "/?path=unix:",
)  # fmt: skip
_ENDS: Final = (
    "", "", "", "/", ".png", "%00", "%00.png", "?w=160", "?", "#", "%0a", ";.png", "::$DATA", "%20", "&x=.png", "/.",
    "/..", "%2f", "%5c", "\\", "?path=", "%0d%0aX-Accel-Redirect:%20/_placeholder/hotlink", "%3f.png", "%23.png", "~",
    ".bak", "\xff", "%ff",
)  # fmt: skip
_SLASHES: Final = ("//", "/./", "%2f", "%2F", "/x/../", "\\", "%5c", "%5C", "/%2e/", "/.;/", "%252f", "%c0%af", "/%00/")
_UPS: Final = (
    "../",
    "..%2f",
    "%2e%2e/",
    "%2E%2E%2F",
    "..%5c",
    "..\\",
    "....//",
    "..;/",
    ".%00./",
    "%252e%252e/",
    "/../",
)


def plant(stack: Stack) -> list[str]:
    """Put secrets all over the data folder where nginx's user can read them; return their paths."""
    placed = [stack.data_dir / "authsvc.toml", stack.data_dir / "nginx" / "conf" / "authsvc-sites.conf"]
    placed += [stack.data_dir / folder / file for folder in _FOLDERS for file in _FILES]
    placed += [stack.data_dir / "blobs" / file for file in _IN_STORE]
    for target in placed[2:]:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(SECRET.encode() + b"\n" + b"x" * 64)
    # Not what the product allows: were its permissions wrong, nothing must come out either.
    for path in stack.data_dir.rglob("*"):
        if not path.is_socket():
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
    return [str(path) for path in placed]


def holds_secret(path: Path) -> bool:
    """Return whether a file holds the secret, and others may read it."""
    return SECRET.encode() in path.read_bytes() and bool(path.stat().st_mode & 0o004)


def made_up(places: Sequence[str], root: Path, path: str, count: int, *, seed: int) -> list[str]:
    """Return addresses that try to reach `places`, or are almost those of a picture; the same ones for one seed."""
    draw = random.Random(seed)

    def twisted(target: str) -> str:
        way = draw.random()
        if way < 0.4:
            slash = draw.choice(_SLASHES)
            return slash.join(target.split("/")) if way < 0.2 else target.replace("/", slash, 1)
        if way < 0.6:
            return "".join(f"%{ord(letter):02x}" if draw.random() < 0.2 else letter for letter in target)
        if way < 0.7:
            return "".join(letter.upper() if draw.random() < 0.3 else letter for letter in target)
        return target

    def one() -> str:
        way = draw.random()
        if way < 0.1:
            return draw.choice(("/", "/?path=", "/?path=/")) + twisted(draw.choice((KEY, path[1:])))
        # Most often one thing is odd, not all at once: otherwise no hole would be hit.
        end = draw.choice(_ENDS) if draw.random() < 0.5 else ""
        if way < 0.3:
            return draw.choice(_STARTS) + "/".join(draw.choice(_PIECES) for _ in range(draw.randrange(1, 7))) + end
        place = draw.choice((*draw.choices(places, k=3), f"/{KEY}"))
        if draw.random() < 0.8:
            # As seen from the data folder, or from one below it: which one a hole leads to is not known.
            pieces = place.removeprefix(f"{root}/").split("/")
            place = "/".join(pieces[draw.randrange(len(pieces)) :])
        ups = draw.choice(_UPS) * draw.randrange(1, 9) if draw.random() < 0.5 else ""
        return draw.choice(_STARTS) + ups + (twisted(place) if draw.random() < 0.5 else place) + end

    return [one().replace(" ", "%20") or "/" for _ in range(count)]
