"""Every case in Debian's Firefox, but those that only Chromium can do."""

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
    # It names a page in the Referer that may run nothing of its own, as Chromium does not.
    "blog: sandboxed frame": PICTURE,
    "blog: sandboxed srcdoc": PICTURE,
    "blog: page under CSP sandbox": PICTURE,
    # Like <object>, it shows nothing instead of what came with an error's status.
    "stranger: <embed>": NOTHING,
    "stranger: <embed> that hides": NOTHING,
    "blog: <embed> that hides": NOTHING,
}
"""By a case's name, what Firefox rightly shows that Chromium does not. No stranger's page is better off."""
_ASKED_BEFORE: Final = frozenset(
    f"stranger: {what} in an editor's name"
    for what in ("fetch", "fetch over itself", "fetch from a sandboxed frame", "XMLHttpRequest")
)
"""Where a script gives its requests another User-Agent: Firefox asks whether it may, and is told 405."""
assert {case.name for case in ALL} >= _ASKED_BEFORE, "a case has another name now"
for _name, _shows in _SHOWN_OTHERWISE.items():
    (_case,) = (case for case in ALL if case.name == _name)
    assert _case.shows is not _shows, f"{_name}: Chromium shows the same"
    assert not _case.chromium_only, f"{_name}: Firefox does not run it"


def _in_firefox(case: Case) -> Case:
    """Return it with what Firefox shows; where that is nothing, nginx answers as it does to Chromium."""
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
    """A browser that is started afresh for each run, with a profile of its own."""
    with firefox.launch(world.proxy_port) as running:
        tally.version = running.version
        yield running


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in _CASES])
def test_page_shows_what_it_may(case: Case, browser: Browser, world: World, tally: Tally) -> None:
    with tally.counting(case):
        assert try_case(case, browser, world) == ""
