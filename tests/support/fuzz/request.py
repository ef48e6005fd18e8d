"""A request whose headers are given byte for byte, and what HTTP makes of them."""

import re
import string
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from authsvc.nginx.program import nginx_program
from authsvc.settings import Settings

Version = Literal["1.1", "1.0", "1.0 without keep-alive", "2"]

LONGEST_LINE: Final = 8100
"""A line of this length always fits into one of nginx's buffers of 8 KB, which hold a header line each."""
UNSURE_LINE: Final = 8200
"""A line of this length or more never fits."""
_NAME: Final = frozenset((string.ascii_letters + string.digits + "-").encode())
_OTHERS: Final = (b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest", b"user-agent")
_NO_NAME_AT_ALL: Final = frozenset(range(0x21)) | {0x7F}


@dataclass(frozen=True)
class Request:
    """Header lines as they are sent, each without its end; bare line feeds may be in it."""

    lines: tuple[bytes, ...]
    version: Version = "1.1"

    @property
    def fields(self) -> Mapping[str, str] | None:
        """The values by lower-case name, as nginx reads the lines; None if they are not HTTP.

        A name with another character than letters, digits and `-` is no
        name that nginx knows, and such a line counts for nothing.
        """
        if self.version == "2":
            return _one_of_each(pair(line) for line in self.lines)
        if any(len(line) > LONGEST_LINE for line in self.lines):
            return None
        physical = [piece.rstrip(b"\r") for line in self.lines for piece in line.split(b"\n")]
        if any(map(_is_broken, physical)):
            return None
        return _one_of_each((name, value.strip(b" ")) for name, value in map(_split, physical))

    @property
    def traits(self) -> list[str]:
        """What is unusual about it, in words."""
        names = Counter(_split(line)[0].strip().lower() for line in self.lines)
        holding = {
            "two Referer lines": names[b"referer"] > 1,
            "two Origin lines": names[b"origin"] > 1,
            "metadata or User-Agent twice": any(names[name] > 1 for name in _OTHERS),
            "raw bytes": any(byte >= 0x80 for line in self.lines for byte in line),
            "control characters": any(byte < 0x20 or byte == 0x7F for line in self.lines for byte in line),
            "a line feed in a line": any(b"\n" in line for line in self.lines),
            "a name with an underscore": any(b"_" in name for name in names),
            "8 KB in a line": any(LONGEST_LINE >= len(line) > LONGEST_LINE - 300 for line in self.lines),
            "more than 8 KB in a line": any(len(line) > LONGEST_LINE for line in self.lines),
        }
        return [f"HTTP/{self.version}", *(trait for trait, holds in holding.items() if holds)]

    def __str__(self) -> str:
        said = "\n".join(
            f"    {line[:200]!r}{f' … {len(line)} bytes' if len(line) > 200 else ''}" for line in self.lines
        )
        return f"HTTP/{self.version}\n{said or '    (no headers)'}"


def pair(line: bytes) -> tuple[bytes, bytes]:
    """Split a line of HTTP/2's: there, name and value are sent as they are."""
    name, _, value = line.partition(b": ")
    return name, value


def has_empty_line(line: bytes) -> bool:
    """Whether it would end the headers, so that the rest were a request of its own."""
    return not all(piece.rstrip(b"\r") for piece in line.split(b"\n"))


def _split(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    return name, value


def _is_broken(line: bytes) -> bool:
    name, value = _split(line)
    return not name or not _NO_NAME_AT_ALL.isdisjoint(name) or b"\0" in value or b"\r" in value


def _one_of_each(pairs: Iterable[tuple[bytes, bytes]]) -> Mapping[str, str]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        if _NAME.issuperset(name):
            found.setdefault(name.decode().lower(), []).append(value.decode("latin-1"))
    return {name: ", ".join(values) if _joins_lines() else values[0] for name, values in found.items()}


@cache
def _joins_lines() -> bool:
    """Whether this nginx makes one value of several lines, as those from 1.23 on do."""
    said = subprocess.run([nginx_program(Settings()), "-v"], capture_output=True, text=True, check=True).stderr
    numbers = re.search(r"nginx/(\d+)\.(\d+)", said)
    assert numbers is not None, said
    return (int(numbers[1]), int(numbers[2])) >= (1, 23)
