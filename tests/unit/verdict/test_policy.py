import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authsvc.verdict.embedder import HIDDEN, INVALID, NONE
from authsvc.verdict.policy import EXPLANATIONS, Reason, Rules, Verdict, decide
from authsvc.verdict.sites import SiteSet

SITES = SiteSet.of(("blog.example", "*.wild.example"))


def rules(*, allows_empty: bool = True, allows_hidden: bool = False) -> Rules:
    return Rules(SITES, frozenset({"img.example"}), allows_empty=allows_empty, allows_hidden=allows_hidden)


@pytest.mark.parametrize(
    ("embedder", "allowed", "reason"),
    [
        ("blog.example", True, Reason.KNOWN_SITE),
        ("a.wild.example", True, Reason.KNOWN_SITE),
        ("wild.example", False, Reason.STRANGER),
        ("img.example", True, Reason.OWN_HOST),
        ("evil.example", False, Reason.STRANGER),
        ("none", False, Reason.STRANGER),
        ("hidden", False, Reason.STRANGER),
        ("-other", False, Reason.STRANGER),
        ("", False, Reason.STRANGER),
        (INVALID, False, Reason.INVALID_REFERER),
    ],
    ids=[
        "site",
        "below a wildcard",
        "wildcard's apex",
        "own host",
        "stranger",
        "host called none",
        "host called hidden",
        "unknown word",
        "nothing",
        "invalid",
    ],
)
def test_verdict_on_embedder(embedder: str, allowed: object, reason: Reason) -> None:
    verdict = decide(embedder, rules())
    assert verdict.allowed is allowed
    assert verdict.reason is reason


@pytest.mark.parametrize("allows", [True, False], ids=["allowed", "denied"])
def test_setting_decides_on_an_empty_referer(*, allows: bool) -> None:
    assert decide(NONE, rules(allows_empty=allows)) == Verdict(allows, Reason.NO_REFERER)


@pytest.mark.parametrize("allows", [True, False], ids=["allowed", "denied"])
def test_setting_decides_on_a_hidden_referer(*, allows: bool) -> None:
    assert decide(HIDDEN, rules(allows_hidden=allows)) == Verdict(allows, Reason.HIDDEN_REFERER)


def test_own_host_stays_allowed_when_it_is_a_site_too() -> None:
    both = Rules(SiteSet.of(("img.example",)), frozenset({"img.example"}), allows_empty=False, allows_hidden=False)
    assert decide("img.example", both) == Verdict(allowed=True, reason=Reason.OWN_HOST)


@settings(deadline=None)
@given(embedder=st.text(), allows_empty=st.booleans(), allows_hidden=st.booleans())
def test_only_listed_hosts_are_allowed(embedder: str, *, allows_empty: bool, allows_hidden: bool) -> None:
    if decide(embedder, rules(allows_empty=allows_empty, allows_hidden=allows_hidden)).allowed:
        assert (
            (embedder == NONE and allows_empty)
            or (embedder == HIDDEN and allows_hidden)
            or embedder in {"img.example", "blog.example"}
            or embedder.endswith(".wild.example")
        )


def test_every_reason_is_explained() -> None:
    assert set(EXPLANATIONS) == set(Reason)
    assert all(EXPLANATIONS.values())
