"""Instructions of each kind of read, ours compared with bare nginx's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.instructions import Counted, count
from bench.reads_cases import HIDDEN, KNOWN, NO_PAGE, REFUSING, SAME, STRANGER, Running
from bench.servers import product_configuration

FILES: Final = 50
"""Each is open when it is counted: N is several times as many."""
SHOWN: Final = 12
ONLY_REFERER: Final = {"Referer": KNOWN["Referer"]}


@dataclass(frozen=True)
class _Kind:
    name: str
    sent: str
    server: str
    headers: Mapping[str, str]
    against: str = SAME
    status: int = 200
    prefix: str = ""


_BROWSER: Final = "a browser's"
_NO_REFERER: Final = "a browser's, no Referer"
_REFERER: Final = "Referer alone"
_KINDS: Final = (
    _Kind(SAME, _BROWSER, "same", KNOWN),
    _Kind("bare nginx", _BROWSER, "bare", KNOWN),
    _Kind("nginx valid_referers", _BROWSER, "valid", KNOWN),
    _Kind("known site", _BROWSER, "ours", KNOWN),
    _Kind("known site, /?path=", _BROWSER, "ours", KNOWN, prefix="/?path="),
    _Kind(SAME, _NO_REFERER, "same", NO_PAGE),
    _Kind("no Referer", _NO_REFERER, "ours", NO_PAGE),
    _Kind(SAME, _REFERER, "same", ONLY_REFERER),
    _Kind("nginx valid_referers", _REFERER, "valid", ONLY_REFERER),
    _Kind("known site", _REFERER, "ours", ONLY_REFERER),
    _Kind(REFUSING, _BROWSER, "refusing", STRANGER, REFUSING, 403),
    _Kind(REFUSING, _NO_REFERER, "refusing", HIDDEN, REFUSING, 403),
    _Kind("hidden", _NO_REFERER, "ours", HIDDEN, REFUSING, 403),
    _Kind("stranger", _BROWSER, "ours", STRANGER, REFUSING, 403),
)


def instruction_rows(
    running: Running, wanted: Callable[[str], bool], say: Callable[[str], None]
) -> list[dict[str, object]]:
    """Return instructions a read of every wanted kind, with what they are compared to."""
    folder = running.folder / "callgrind"
    folder.mkdir()
    ours, port = product_configuration(running.stack, folder, sites=running.sites)
    rivals = running.folder / "rivals" / "rivals.conf"
    counted: dict[tuple[str, str], Counted] = {}
    asked = [kind for kind in _KINDS if wanted(kind.name)]
    needed = {(kind.against, kind.sent) for kind in asked}
    chosen = [kind for kind in _KINDS if kind in asked or (kind.name, kind.sent) in needed]
    for number, kind in enumerate(chosen, 1):
        say(f"instructions, {kind.name}, headers: {kind.sent}, {number} of {len(chosen)}")
        main, at = (ours, port) if kind.server == "ours" else (rivals, running.rivals[kind.server].port)
        counted[kind.name, kind.sent] = _count(kind, main, at, running, folder)
    return [_row(kind, counted) for kind in chosen]


def _count(kind: _Kind, main: Path, port: int, running: Running, folder: Path) -> Counted:
    lines = "".join(f"{name}: {value}\r\n" for name, value in kind.headers.items())
    requests = [
        f"GET {kind.prefix}{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}\r\n".encode() for path in running.paths[:FILES]
    ]
    return count(main, port, requests, status=kind.status, folder=folder)


def _row(kind: _Kind, counted: Mapping[tuple[str, str], Counted]) -> dict[str, object]:
    mine, other = counted[kind.name, kind.sent], counted[kind.against, kind.sent]
    more = {name: spent - other.functions.get(name, 0) for name, spent in mine.functions.items()}
    top = sorted(more.items(), key=lambda item: -item[1])[:SHOWN]
    return {
        "case": kind.name,
        "headers": kind.sent,
        "instructions": round(mine.a_read),
        "against": kind.against,
        "ratio": round(mine.a_read / other.a_read, 3),
        "more_than_that": {name: round(spent) for name, spent in top},
    }
