"""Which tests a campaign runs because they call `promised`."""

import re
from pathlib import Path

from tests.support.experiments import promised
from tests.support.nginx.site_list import wait_for_status
from tests.support.promises import calls_promised
from tests.support.up.processes import assert_gone

TESTS = Path(__file__).parents[1]


def test_direct_call_is_found() -> None:
    def direct() -> float:
        return promised(2)

    assert calls_promised(direct)


def test_call_in_a_helper_is_found() -> None:
    assert calls_promised(wait_for_status)
    assert calls_promised(assert_gone)


def test_call_in_a_nested_function_is_found() -> None:
    def outer() -> None:
        def inner() -> None:
            assert_gone(frozenset())

        inner()

    assert calls_promised(outer)


def test_other_tests_are_not_marked() -> None:
    assert not calls_promised(test_other_tests_are_not_marked)


def test_no_deadline_is_computed_at_import() -> None:
    """It would be used by tests that do not name `promised`."""
    found = [
        f"{file.relative_to(TESTS)}: {line}"
        for file in TESTS.rglob("*.py")
        for line in file.read_text().splitlines()
        if re.match(r"(?!def )\S.*\bpromised\(|def .*= promised\(", line)
    ]
    assert found == []
