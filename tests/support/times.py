"""Shorter times for a part that a test waits for, and the real ones in `make campaign`."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from authsvc.times import TIMES, Times
from tests.support.experiments import FULL

VARIABLE = "TIMES_FOR_TESTS"
_FOLDER = Path(__file__).with_name("shortened")


PATIENT = TIMES if FULL else replace(TIMES, verdict_answer=30, legacy_answer=30, size_answer=60)
"""Times for a stack whose service always answers: a busy machine must not change nginx's answers."""


def shortened(*names: str, to: float = 0.1, of: Times = TIMES) -> Times:
    """Return the times with these ones reduced to a tenth; unchanged in `make campaign`.

    Name only what the test waits for: the others also limit how long the
    machine may take, and it may be busy.
    """
    if FULL:
        return TIMES
    return replace(of, **{name: getattr(of, name) * to for name in names})


def environment_of(times: Times) -> Mapping[str, str]:
    """Return the environment that gives `times` to every Python process started in it."""
    if times == TIMES:
        return {}
    paths = [str(_FOLDER), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(paths), VARIABLE: json.dumps(asdict(times))}


def shorten(monkeypatch: pytest.MonkeyPatch, module: str, **seconds: float) -> Times:
    """Let one module of the product, in this process, use other times; return them. No change in `make campaign`."""
    times = TIMES if FULL else replace(TIMES, **seconds)
    monkeypatch.setattr(f"{module}.TIMES", times)
    return times
