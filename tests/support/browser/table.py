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
    """Return whether a case always runs: the cases of caches, and of editors that may hide the Referer."""
    return case in VISITS or case.agent is not None


_OTHERS: Final = tuple(case for case in ALL if not _is_key(case))
# Blog and stranger alternate, and so do the three ways to set a policy: a step of 5 reaches all combinations.
CASES: Final = (*_OTHERS[:: size(5, 1)], *filter(_is_key, ALL))
"""All cases in a campaign; otherwise the key cases, and some of each table."""
