"""Explain the verdict on a request step by step, for a person. Pure.

The explanation is made from the results of the functions that decide, so it
cannot differ from them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from authsvc.model import KEY_PATH_PATTERN
from authsvc.verdict.embedder import Basis, Reading, read_embedder
from authsvc.verdict.invalid import why_invalid
from authsvc.verdict.policy import EXPLANATIONS, Reason, Rules, Verdict, decide

_PICTURE: Final = re.compile(rf"/{KEY_PATH_PATTERN}")
_LEGACY: Final = re.compile(rf"/\?path=/?{KEY_PATH_PATTERN}")
_READS: Final = ("GET", "HEAD")

_FETCH: Final = ("sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest")


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """The parts of a request that the verdict depends on."""

    headers: Mapping[str, str] = field(default_factory=dict)
    """The first header of each name, by lower-case name."""
    method: str = ""
    target: str = ""
    """The text between method and protocol; "" when only headers are known."""
    repeated: frozenset[str] = frozenset()
    """Lower-case names of headers that were sent more than once."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an explanation: what was checked, and the result."""

    subject: str
    finding: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """A verdict, its embedder, and the steps that led to it."""

    verdict: Verdict
    embedder: str
    steps: tuple[Step, ...]


def explain(request: ReadRequest, rules: Rules, *, editor_agents: tuple[str, ...], hotlink_status: int) -> Explanation:
    """Return the verdict on a read with these headers, and each step that led to it.

    The verdict depends only on the headers. An address or a method that is
    answered without a verdict is named in a step.
    """
    reading = read_embedder(request.headers, editor_agents=editor_agents)
    verdict = decide(reading.embedder, rules)
    steps = (
        *_address_steps(request),
        *_header_steps(request, reading),
        Step(f"Embedder {reading.embedder}", _by_the_rules(reading.embedder, verdict, rules)),
        Step("Who answers", _who_answers(verdict)),
        Step("Answer", _answer(verdict, hotlink_status)),
        *_ways_out(reading, verdict),
    )
    return Explanation(verdict, reading.embedder, steps)


def _address_steps(request: ReadRequest) -> Iterator[Step]:
    if not request.target:
        return
    line = f"{request.method} {request.target}"
    if request.method not in _READS:
        yield Step(line, "not a read: always answered with 405; the steps below are for GET")
    elif _PICTURE.fullmatch(request.target):
        yield Step(line, "a picture's address: nginx gets the verdict before it opens the file")
    elif _LEGACY.fullmatch(request.target):
        yield Step(line, "a picture's address of the 2018 script: nginx converts it itself")
    elif request.target.startswith("/?path="):
        yield Step(line, "maybe an address of the 2018 script in another spelling: the service converts it")
    else:
        yield Step(line, "not a picture's address: always answered with 404; the steps below are for a picture")


def _header_steps(request: ReadRequest, reading: Reading) -> Iterator[Step]:
    """Go through the headers in the order of their priority, up to the one that decides."""
    for name, basis in (("referer", Basis.REFERER), ("origin", Basis.ORIGIN)):
        value = request.headers.get(name, "")
        title = name.capitalize()
        if name in request.repeated:
            yield Step(title, "sent more than once: nginx 1.22 uses the first; newer versions join and refuse them")
        if reading.basis is basis:
            yield Step(f"{title}: {value}", _about_page(value, reading, is_origin=basis is Basis.ORIGIN))
            return
        if not value:
            yield Step(title, "absent")
    if reading.basis is Basis.OPAQUE_ORIGIN:
        yield Step("Origin: null", "a page without an address: sandboxed, data: or a local file")
    else:
        yield Step("Sec-Fetch-Site, -Mode, -Dest", _about_fetch(request, reading))
    if reading.basis is not Basis.NOTHING:
        yield Step("User-Agent", _about_agent(reading))


def _about_page(value: str, reading: Reading, *, is_origin: bool) -> str:
    reason = why_invalid(value, is_origin=is_origin)
    if reason is not None:
        return f"no browser sends this: {reason}"
    return f"the page is on {reading.embedder}; the other headers do not count"


def _about_fetch(request: ReadRequest, reading: Reading) -> str:
    values = [request.headers.get(name, "") for name in _FETCH]
    if not any(values):
        return "absent: not a browser, or not HTTPS; nothing names a page"
    shown = " ".join(value or "-" for value in values)
    if reading.basis is Basis.FETCH_METADATA:
        return f"{shown}: a page on another site embeds, and hides its Referer"
    return f"{shown}: no page on another site embeds"


def _about_agent(reading: Reading) -> str:
    if reading.editor is None:
        return "no editor in the setting editor_agents, whose previews may hide their address"
    return f"an editor, because of {reading.editor!r} in the setting editor_agents: its preview may hide its address"


def _by_the_rules(embedder: str, verdict: Verdict, rules: Rules) -> str:
    match verdict.reason:
        case Reason.KNOWN_SITE:
            return f"on the list of sites, as {rules.sites.covering(embedder)}"
        case Reason.STRANGER:
            sites = len(rules.sites.hosts) + len(rules.sites.parents)
            own = ", ".join(sorted(rules.own_hosts))
            return f"none of the {sites} sites covers it, and it is not one of the service's own hosts: {own}"
        case reason:
            return EXPLANATIONS[reason]


def _who_answers(verdict: Verdict) -> str:
    if verdict.reason is Reason.STRANGER:
        return "the service; nginx caches its answer for 10 s, and refuses while the service is down"
    return "nginx itself, also while the service is down"


def _answer(verdict: Verdict, hotlink_status: int) -> str:
    if verdict.allowed:
        return "200 with the picture; 404 with the missing picture if there is none"
    return f"{hotlink_status} with the hotlink picture, whether or not the picture exists; it must not be cached"


def _ways_out(reading: Reading, verdict: Verdict) -> Iterator[Step]:
    if verdict.allowed:
        return
    match verdict.reason:
        case Reason.STRANGER:
            advice = f"authsvc site add {reading.embedder}"
        case Reason.HIDDEN_REFERER:
            advice = (
                'let the page send its Referer, or set hidden_referer = "allow", which allows every page that hides'
            )

        case Reason.NO_REFERER:
            advice = 'set empty_referer = "allow"'
        case _:
            advice = "not possible: only what browsers send is accepted"
    yield Step("To allow it", advice)
