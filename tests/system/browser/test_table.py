"""The cases that also run in `make test`, where the table is reduced."""

from collections.abc import Iterable

from tests.support.browser.case import Case
from tests.support.browser.documents import DOCUMENTS
from tests.support.browser.policies import POLICIES
from tests.support.browser.table import ALL, CASES
from tests.support.browser.visits import VISITS


def _names(cases: Iterable[Case]) -> set[str]:
    return {case.name for case in cases}


def test_tables_are_as_long_as_they_claim() -> None:
    assert len(ALL) >= 60
    assert len(CASES) >= 60


def test_visits_and_editors_always_run() -> None:
    assert _names(VISITS) <= _names(CASES)
    editors = [case for case in DOCUMENTS if case.agent is not None]
    assert len(editors) >= 8
    assert _names(editors) <= _names(CASES)


def test_policies_are_set_in_each_way_on_blog_and_stranger() -> None:
    chosen = [case.name for case in POLICIES if case in CASES]
    for way in ("meta", "attribute", "header"):
        for who in ("blog", "stranger"):
            assert any(name.startswith(who) and way in name.rsplit(" by ")[1] for name in chosen), (who, way)
