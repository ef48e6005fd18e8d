"""What the doctor reports about the confinement of decoders."""

import json
from collections.abc import Iterator

import pytest

from authsvc.doctor import State
from authsvc.doctor.decoders import check_decoders
from authsvc.settings import Settings
from authsvc.system.landlock import landlock_version
from tests.support.doctor import answering
from tests.support.stack import Stack
from tests.support.up.fresh import short_folder
from tests.support.workplace import settings_in


@pytest.fixture
def settings() -> Iterator[Settings]:
    """A data folder in a place short enough for sockets."""
    with short_folder() as folder:
        yield settings_in(folder)


def test_running_service_reports_how_its_decoders_are_confined(stack: Stack) -> None:
    (found,) = check_decoders(settings_in(stack.data_dir))
    text = f"the kernel confines them: a filter for system calls, and Landlock {landlock_version()}"
    assert (found.check, found.state, found.text) == ("decoders", State.OK, text)


@pytest.mark.parametrize(
    ("answer", "states", "words"),
    [
        ({"has_filter": True, "landlock_version": 2}, [State.OK], "Landlock 2"),
        ({"has_filter": True, "landlock_version": 0}, [State.WARNING], "no Landlock"),
        ({"has_filter": False, "landlock_version": 2}, [State.ERROR], "does not filter their system calls"),
        ({"has_filter": False, "landlock_version": 0}, [State.ERROR, State.WARNING], "does not filter"),
        ({"code": "busy", "status": 1}, [State.ERROR], "cannot start one"),
    ],
    ids=["Debian 12", "no Landlock", "no filter", "nothing", "busy"],
)
def test_missing_part_is_reported(
    settings: Settings, answer: dict[str, object], states: list[State], words: str
) -> None:
    with answering(settings, json.dumps(answer).encode()):
        found = list(check_decoders(settings))
    assert [finding.state for finding in found] == states
    assert words in found[0].text
    assert all(bool(finding.fix) is (finding.state is not State.OK) for finding in found)


def test_absent_service_is_the_finding_of_another_check(settings: Settings) -> None:
    assert list(check_decoders(settings)) == []
