"""Every case in Debian's Firefox, except those that only Chromium can run."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pytest

from tests.support.browser import firefox
from tests.support.browser.case import Case
from tests.support.browser.driver import Browser
from tests.support.browser.sight import NOTHING, PICTURE
from tests.support.browser.table import ALL, CASES
from tests.support.browser.tally import RUNS, Tally
from tests.support.browser.trial import World, try_case

_SHOWN_OTHERWISE: Final = {
    # Firefox sends the Referer of a page in a sandbox. Chromium does not.
    "blog: sandboxed frame": PICTURE,
    "blog: sandboxed srcdoc": PICTURE,
    "blog: page under CSP sandbox": PICTURE,
    # As with <object>, Firefox shows nothing if the answer has an error status.
    "stranger: <embed>": NOTHING,
    "stranger: <embed> that hides": NOTHING,
    "blog: <embed> that hides": NOTHING,
}
"""The correct result of Firefox for each case in which it differs from Chromium. No stranger's page sees more."""
_ASKED_BEFORE: Final = frozenset(
    f"stranger: {what} in an editor's name"
    for what in ("fetch", "fetch over itself", "fetch from a sandboxed frame", "XMLHttpRequest")
)
"""Cases where a script sets another User-Agent: Firefox sends a preflight, and nginx answers 405."""
assert {case.name for case in ALL} >= _ASKED_BEFORE, "a case has another name now"
for _name, _shows in _SHOWN_OTHERWISE.items():
    (_case,) = (case for case in ALL if case.name == _name)
    assert _case.shows is not _shows, f"{_name}: Chromium shows the same"
    assert not _case.chromium_only, f"{_name}: Firefox does not run it"


def _in_firefox(case: Case) -> Case:
    """Return the case with what Firefox shows. Where it shows nothing, nginx answers as for Chromium."""
    if case.name in _ASKED_BEFORE:
        return replace(case, sent=frozenset({405}))
    shows = _SHOWN_OTHERWISE.get(case.name, case.shows)
    return replace(case, shows=shows, sent=frozenset(case.statuses()) if shows is NOTHING else case.sent)


_CASES: Final = tuple(_in_firefox(case) for case in CASES if not case.chromium_only)


@pytest.fixture(scope="module")
def tally() -> Iterator[Tally]:
    counted = Tally("firefox")
    yield counted
    counted.report()


@pytest.fixture(scope="module", params=[pytest.param(run, id=f"run {run + 1}") for run in range(RUNS)])
def browser(world: World, tally: Tally) -> Iterator[Browser]:
    """A new browser with a new profile for each run."""
    with firefox.launch(world.proxy_port) as running:
        tally.version = running.version
        yield running


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in _CASES])
def test_page_shows_what_it_may(case: Case, browser: Browser, world: World, tally: Tally) -> None:
    with tally.counting(case):
        assert try_case(case, browser, world) == ""
