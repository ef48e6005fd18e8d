import pytest

from authsvc.verdict.embedder import DEFAULT_EDITOR_AGENTS
from authsvc.verdict.explain import Explanation, ReadRequest, explain
from authsvc.verdict.policy import Rules
from authsvc.verdict.sites import SiteSet

CROSS = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
PICTURE = "/7b/e49a5d9f4ab1e2c0d7f3b6a8901234.png"


def explained(
    headers: dict[str, str], *, method: str = "", target: str = "", repeated: tuple[str, ...] = (), empty: bool = True
) -> Explanation:
    rules = Rules(SiteSet.of(("*.wild.example",)), frozenset({"img.example"}), allows_empty=empty, allows_hidden=False)
    request = ReadRequest(headers, method=method, target=target, repeated=frozenset(repeated))
    return explain(request, rules, editor_agents=DEFAULT_EDITOR_AGENTS, hotlink_status=403)


def steps(headers: dict[str, str], *, method: str = "", target: str = "") -> dict[str, str]:
    return {step.subject: step.finding for step in explained(headers, method=method, target=target).steps}


@pytest.mark.parametrize(
    ("headers", "subject", "piece"),
    [
        ({"referer": "https://a.b.wild.example/"}, "Embedder a.b.wild.example", "of sites, as *.wild.example"),
        ({"referer": "https://img.example/"}, "Embedder img.example", "the host is one of the service's own hosts"),
        ({"referer": "https://evil.example/"}, "To allow it", "authsvc site add evil.example"),
        ({"referer": "https://evil.example/"}, "Who answers", "refuses while the service is down"),
        ({"referer": "https://a.wild.example/"}, "Who answers", "also while the service is down"),
        ({"referer": "https://A.wild.example/"}, "Referer: https://A.wild.example/", "capital letters"),
        ({"referer": "https://A.wild.example/"}, "To allow it", "not possible: "),
        ({"origin": "https://evil.example"}, "Referer", "absent"),
        ({"origin": "https://evil.example"}, "Origin: https://evil.example", "the page is on evil.example"),
        ({"origin": "null"}, "Origin: null", "without an address"),
        ({"origin": "null"}, "User-Agent", "no editor in the setting editor_agents"),
        (CROSS, "Sec-Fetch-Site, -Mode, -Dest", "cross-site no-cors image: a page on another site embeds"),
        (CROSS, "To allow it", "hidden_referer"),
        (CROSS | {"user-agent": "Typora/1.9"}, "User-Agent", "an editor, because of 'Typora/'"),
        ({"sec-fetch-site": "none"}, "Sec-Fetch-Site, -Mode, -Dest", "none - -: no page on another site embeds"),
        ({}, "Sec-Fetch-Site, -Mode, -Dest", "nothing names a page"),
        ({}, "Answer", "200 with the picture"),
    ],
)  # fmt: skip
def test_step_describes_its_result(headers: dict[str, str], subject: str, piece: str) -> None:
    assert piece in steps(headers)[subject]


@pytest.mark.parametrize(
    ("method", "target", "piece"),
    [
        ("GET", PICTURE, "a picture's address: "),
        ("HEAD", f"/?path={PICTURE}", "address of the 2018 script"),
        ("GET", "/?path=%2F7b", "the service converts it"),
        ("GET", f"{PICTURE}?x=1", "answered with 404"),
        ("POST", PICTURE, "answered with 405"),
    ],
)
def test_request_line_is_the_first_step(method: str, target: str, piece: str) -> None:
    first = explained({}, method=method, target=target).steps[0]
    assert first.subject == f"{method} {target}"
    assert piece in first.finding


def test_repeated_referer_is_reported() -> None:
    first = explained({"referer": "https://evil.example/"}, repeated=("referer",)).steps[0]
    assert (first.subject, first.finding.partition(":")[0]) == ("Referer", "sent more than once")


def test_allowed_read_gets_no_advice() -> None:
    assert explained({}).verdict.allowed
    assert "To allow it" not in steps({})
    refused = explained({}, empty=False)
    assert refused.steps[-1].finding == 'set empty_referer = "allow"'
