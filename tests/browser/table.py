"""All cases."""

from typing import Final

from tests.browser.documents import DOCUMENTS
from tests.browser.elements import ELEMENTS
from tests.browser.hosts import HOSTS
from tests.browser.policies import POLICIES
from tests.browser.redirects import REDIRECTS
from tests.browser.scripts import SCRIPTS
from tests.browser.visits import VISITS
from tests.campaign import size

ALL: Final = (*ELEMENTS, *POLICIES, *DOCUMENTS, *HOSTS, *REDIRECTS, *SCRIPTS, *VISITS)
assert len({case.name for case in ALL}) == len(ALL), "a case has another's name"

CASES: Final = ALL[:: size(3, 1)]
"""The whole table in a campaign; otherwise every third row, and so some of each table, blog and stranger in turn."""
