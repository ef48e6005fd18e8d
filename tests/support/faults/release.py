"""Releases of the service that differ by name, each written over the last as `git pull` does."""

import shutil
from pathlib import Path

from tests.support.faults.underload import ROOT
from tests.support.stack import Stack

_SAID = '{"status": "ok"}'


def lay_release(place: Path, name: str) -> None:
    """Write the package and nginx's templates to `place`, over the files there; the service then reports its name."""
    for part in ("authsvc", "nginx"):
        shutil.copytree(ROOT / part, place / part, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    health = place / "authsvc" / "routes" / "health.py"
    text = health.read_text("utf-8")
    assert text.count(_SAID) == 1
    health.write_text(text.replace(_SAID, f'{{"status": "ok", "release": "{name}"}}'), "utf-8")


def run_from(place: Path, stack: Stack) -> None:
    """Let a stack that is not started yet run the release in `place`."""
    stack.environment["PYTHONPATH"] = str(place)
    # Python trusts a compiled file for a second: longer than one release lasts here.
    stack.environment["PYTHONDONTWRITEBYTECODE"] = "1"


def release_of(stack: Stack) -> str:
    """Return the name of the release that the service runs."""
    name: str = stack.ask_service("/healthz").json()["release"]
    return name
