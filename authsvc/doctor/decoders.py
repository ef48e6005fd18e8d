"""Check how the kernel confines decoders, as the running service sees it: its unit may allow less than this command."""

from collections.abc import Iterator
from typing import Final

from authsvc.doctor.finding import Finding, failure, fine, warning
from authsvc.doctor.service import ask_service
from authsvc.settings import Settings

_FILTER_FIX: Final = "systemctl cat authsvc | grep SystemCallFilter; grep Seccomp /proc/self/status; make install"
"""Reasons: a drop-in that removes `seccomp` from the unit, a kernel without it, a unit of an older version."""
_LANDLOCK_FIX: Final = "uname -r; cat /sys/kernel/security/lsm; journalctl -k -g landlock"
"""Reasons: a kernel before Linux 5.13, or one that starts without `landlock` in its parameter `lsm=`."""


def check_decoders(settings: Settings) -> Iterator[Finding]:
    """Check that the kernel filters the system calls of a decoder, and takes its rights to files away.

    No finding when the service does not answer, which is another check's finding.
    """
    try:
        answer = ask_service(settings, "/confinement")
    except OSError:
        return
    if "has_filter" not in answer:
        yield failure("decoders", "the service cannot start one", fix="journalctl -u authsvc -n 20")
        return
    has_filter, version = answer["has_filter"], answer.get("landlock_version")
    if not has_filter:
        text = "the kernel does not filter their system calls: one that a picture takes over has the service's rights"
        yield failure("decoders", text, fix=_FILTER_FIX)
    if not version:
        yield warning("decoders", "the kernel has no Landlock, the second line of defence", fix=_LANDLOCK_FIX)
    if has_filter and version:
        yield fine("decoders", f"the kernel confines them: a filter for system calls, and Landlock {version}")
