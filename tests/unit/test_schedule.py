"""The recorded durations that decide the order of the test files."""

import json
from pathlib import Path

from tests.support.schedule import RECORD

ROOT = Path(__file__).parents[2]


def test_every_test_file_has_a_recorded_duration() -> None:
    """If this fails, run `make durations`."""
    files = {str(file.relative_to(ROOT)) for file in (ROOT / "tests").rglob("test_*.py")}
    assert json.loads(RECORD.read_text()).keys() == files
