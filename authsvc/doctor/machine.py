"""Check the machine: free disk space, and the clock."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from authsvc.doctor.finding import Finding, failure, fine, warning
from authsvc.settings import Settings

LOW_BYTES: Final = 2**30
LOW_SHARE: Final = 0.05

_GIB: Final = 2**30
# adjtimex(2): systemd, too, regards a clock as synchronised below 16 s.
_MAX_CLOCK_ERROR_US: Final = 16_000_000
# Not part of a minimal Debian; `timedatectl set-ntp true` needs it.
_TIME_CLIENT: Final = Path("/lib/systemd/system/systemd-timesyncd.service")


def check_disk(settings: Settings) -> Iterator[Finding]:
    """Check free bytes and free inodes."""
    status = os.statvfs(settings.data_dir)
    free = status.f_bavail * status.f_frsize
    text = f"{free / _GIB:.1f} GiB free at {settings.data_dir}"
    fix = f"df -h {settings.data_dir}; du -sh {settings.data_dir}/*"
    if free < settings.max_upload_bytes * 2:
        yield failure("disk", f"{text}: too little for two uploads", fix=fix)
    elif free < LOW_BYTES or free < LOW_SHARE * status.f_blocks * status.f_frsize:
        yield warning("disk", text, fix=fix)
    else:
        yield fine("disk", text)
    # btrfs and others report no number of inodes.
    if status.f_files and status.f_favail < LOW_SHARE * status.f_files:
        yield warning("disk", f"{status.f_favail} inodes free, of {status.f_files}", fix=f"df -i {settings.data_dir}")


def check_clock(error_us: int | None) -> Iterator[Finding]:
    """Check that the clock is synchronised: tokens and certificates expire by it.

    `error_us` is the result of `clock_error_us()`.
    """
    if error_us is None or error_us < _MAX_CLOCK_ERROR_US:
        yield fine(
            "clock",
            "the clock is synchronised" if error_us is not None else "the kernel does not report the clock's error",
        )
    else:
        fix = "timedatectl set-ntp true" if _TIME_CLIENT.exists() else "apt-get install systemd-timesyncd"
        yield warning("clock", "the clock is not synchronised", fix=fix)
