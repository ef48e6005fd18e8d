"""Decide whether an embedder gets a picture. Pure: the same input gives the same verdict."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from authsvc.verdict.embedder import HIDDEN, INVALID, NONE
from authsvc.verdict.sites import SiteSet


class Reason(StrEnum):
    """The reason for a verdict. The values are part of the public interface."""

    KNOWN_SITE = "known_site"
    OWN_HOST = "own_host"
    NO_REFERER = "no_referer"
    HIDDEN_REFERER = "hidden_referer"
    INVALID_REFERER = "invalid_referer"
    STRANGER = "stranger"


EXPLANATIONS: Final = {
    Reason.KNOWN_SITE: "the host is on the list of sites",
    Reason.OWN_HOST: "the host is one of the service's own hosts",
    Reason.NO_REFERER: "the request names no page; the setting empty_referer decides",
    Reason.HIDDEN_REFERER: "a page hides its address; the setting hidden_referer decides",
    Reason.INVALID_REFERER: "the Referer or Origin is not what a browser sends",
    Reason.STRANGER: "the host is not on the list of sites",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """What the policy needs besides the embedder."""

    sites: SiteSet
    own_hosts: frozenset[str]
    allows_empty: bool
    allows_hidden: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """Allow or deny, and the reason."""

    allowed: bool
    reason: Reason


def decide(embedder: str, rules: Rules) -> Verdict:
    """Return the verdict on `embedder`, which is a result of `embedder.embedder_of`."""
    match embedder:
        case word if word == NONE:
            return Verdict(rules.allows_empty, Reason.NO_REFERER)
        case word if word == HIDDEN:
            return Verdict(rules.allows_hidden, Reason.HIDDEN_REFERER)
        case word if word == INVALID:
            return Verdict(allowed=False, reason=Reason.INVALID_REFERER)
        case host if host in rules.own_hosts:
            return Verdict(allowed=True, reason=Reason.OWN_HOST)
        case host if rules.sites.covers(host):
            return Verdict(allowed=True, reason=Reason.KNOWN_SITE)
        case _:
            return Verdict(allowed=False, reason=Reason.STRANGER)
