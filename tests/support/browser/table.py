"""All cases."""

from typing import Final

from tests.support.browser.case import Case
from tests.support.browser.documents import DOCUMENTS
from tests.support.browser.elements import ELEMENTS
from tests.support.browser.hosts import HOSTS
from tests.support.browser.policies import POLICIES
from tests.support.browser.redirects import REDIRECTS
from tests.support.browser.scripts import SCRIPTS
from tests.support.browser.visits import VISITS
from tests.support.experiments import size

ALL: Final = (*ELEMENTS, *POLICIES, *DOCUMENTS, *HOSTS, *REDIRECTS, *SCRIPTS, *VISITS)
assert len({case.name for case in ALL}) == len(ALL), "a case has another's name"


def _is_key(case: Case) -> bool:
    """Return whether it runs always: what caches keep, and the editors that may hide."""
    return case in VISITS or case.agent is not None


_OTHERS: Final = tuple(case for case in ALL if not _is_key(case))
# Blog and stranger take turns, and so do the three ways of setting a policy: a step of 5 meets all of them in turn.
CASES: Final = (*_OTHERS[:: size(5, 1)], *filter(_is_key, ALL))
"""The whole table in a campaign; otherwise its key rows, and some of each table."""
