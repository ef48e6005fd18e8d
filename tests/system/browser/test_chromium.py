"""Every case in Debian's Chromium."""

from collections.abc import Iterator

import pytest

from tests.support.browser import chromium
from tests.support.browser.case import Case
from tests.support.browser.driver import Browser
from tests.support.browser.table import CASES
from tests.support.browser.tally import RUNS, Tally
from tests.support.browser.trial import World, try_case


@pytest.fixture(scope="module")
def tally() -> Iterator[Tally]:
    counted = Tally("chromium")
    yield counted
    counted.report()


@pytest.fixture(scope="module", params=[pytest.param(run, id=f"run {run + 1}") for run in range(RUNS)])
def browser(world: World, tally: Tally) -> Iterator[Browser]:
    """A new browser for each run."""
    with chromium.launch(world.proxy_port, world.spki) as running:
        tally.version = running.version
        yield running


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_page_shows_what_it_may(case: Case, browser: Browser, world: World, tally: Tally) -> None:
    with tally.counting(case):
        assert try_case(case, browser, world) == ""
