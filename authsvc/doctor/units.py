"""Check the systemd units: whether they are active, and newer than the settings."""

import grp
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from authsvc.doctor.data import Owner
from authsvc.doctor.finding import Finding, failure, fine, warning

UNITS: Final = ("authsvc.socket", "authsvc.service", "authsvc-sites.path")
_SYSTEMD_MARK: Final = Path("/run/systemd/system")
"""Exists when systemd is process 1: sd_booted(3)."""


def check_units(config_file: Path | None, *, mark: Path = _SYSTEMD_MARK) -> Iterator[Finding]:
    """Check that the units are active, enabled and newer than the settings. No finding without systemd or units."""
    systemctl = shutil.which("systemctl")
    if systemctl is None or not mark.is_dir() or _show(systemctl, UNITS[0], "LoadState") != "loaded":
        return
    errors = 0
    for unit in UNITS:
        state = _show(systemctl, unit, "ActiveState")
        if state != "active":
            errors += 1
            yield failure("units", f"{unit} is {state}", fix=f"systemctl restart {unit}; journalctl -u {unit} -n 20")
        elif _show(systemctl, unit, "UnitFileState") == "disabled":
            errors += 1
            yield failure("units", f"{unit} does not start at boot", fix=f"systemctl enable {unit}")
    if config_file is not None and _is_newer(config_file, systemctl):
        errors += 1
        fix = "authsvc nginx install && systemctl restart authsvc"
        yield warning("units", f"{config_file} has changed since the service was started", fix=fix)
    if not errors:
        yield fine("units", "all are active")


def unit_owner(data_dir: Path, *, mark: Path = _SYSTEMD_MARK) -> Owner | None:
    """Return the user and group of the unit for this data folder; None without such a unit."""
    systemctl = shutil.which("systemctl")
    if systemctl is None or not mark.is_dir():
        return None
    if str(data_dir) not in _show(systemctl, "authsvc.service", "ReadWritePaths").split():
        return None
    user, group = (_show(systemctl, "authsvc.service", name) for name in ("User", "Group"))
    try:
        return Owner(pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid)
    except KeyError:
        return None


def _is_newer(path: Path, systemctl: str) -> bool:
    started = _show(systemctl, "authsvc.service", "ExecMainStartTimestamp", "--timestamp=unix")
    return started.startswith("@") and path.stat().st_mtime > int(started[1:]) + 1


def _show(systemctl: str, unit: str, what: str, *more: str) -> str:
    command = [systemctl, "show", unit, f"--property={what}", "--value", *more]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 — the system's own
