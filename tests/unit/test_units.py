"""The check that holds the units to their exposure: it accepts ours, and sees what would weaken them."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the files that the check reads; tests change it."""
    shutil.copytree(CHECKOUT / "systemd", tmp_path / "systemd")
    (tmp_path / "scripts").mkdir()
    for name in ("check_units.py", "place"):
        shutil.copy(CHECKOUT / "scripts" / name, tmp_path / "scripts" / name)
    return tmp_path


def check(copy: Path, environment: Mapping[str, str] = os.environ) -> tuple[int, str]:
    """Run the check; return its exit status, and all that it says."""
    command: list[str | Path] = [sys.executable, copy / "scripts" / "check_units.py"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    return run.returncode, run.stdout + run.stderr


def replace(copy: Path, unit: str, old: str, new: str) -> None:
    path = copy / "systemd" / unit
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_units_are_as_closed_as_they_promise(copy: Path) -> None:
    status, said = check(copy)
    assert status == 0, said
    assert said.count("verify: clean") == 2


@pytest.mark.parametrize(
    ("unit", "old", "new", "complaint"),
    [
        ("authsvc.service", "ProtectClock=yes", "ProtectClok=yes", "Unknown key 'ProtectClok'"),
        ("authsvc.service", "ProtectClock=yes", "ProtectClock=maybe", r"authsvc.service:\d+: Failed to parse .*maybe"),
        ("authsvc.service", "PrivateNetwork=yes\n", "", "Overall exposure level for authsvc.service: 0."),
        ("authsvc.service", "lib/authsvc/current", "lib/missing", "is not executable"),
        ("authsvc-sites.service", "NoNewPrivileges=yes\n", "", "level for authsvc-sites.service: 3."),
        ("authsvc.socket", "DirectoryMode=0755", "DirectoryMode=many", "many"),
        ("network.conf", "IPAddressAllow=any", "CapabilityBoundingSet=~", "Overall exposure level"),
        ("network.conf", "[Service]", "[Servce]", "Unknown section 'Servce'"),
        ("authsvc-sites.path", "[Path]", "[Path]\nTriggerLimitBurst=1\n", "no comment above TriggerLimitBurst=1"),
    ],
    ids=[
        "unknown directive",
        "value that systemd ignores",
        "service with the network",
        "program that is not there",
        "one-shot that may get rights",
        "socket's mode that is none",
        "drop-in that gives more than the network",
        "drop-in that systemd ignores",
        "directive without a reason",
    ],
)
def test_check_sees(copy: Path, unit: str, old: str, new: str, complaint: str) -> None:
    replace(copy, unit, old, new)
    status, said = check(copy)
    assert status == 1, said
    assert re.search(complaint, said)


def test_comment_of_another_paragraph_is_no_reason(copy: Path) -> None:
    replace(copy, "authsvc.socket", "DirectoryMode=0755", "\nDirectoryMode=0755")
    assert "authsvc.socket: no comment above DirectoryMode=0755" in check(copy)[1]


def test_check_without_systemd_names_the_package_to_install(copy: Path) -> None:
    status, said = check(copy, {"PATH": "/nonexistent"})
    assert status == 1
    assert "sudo apt-get install systemd" in said
