"""Report the service's state to systemd: the protocol of sd_notify(3)."""

import os
import socket
from typing import Final

_MICROSECONDS: Final = 1_000_000


def notify(state: str) -> None:
    """Send `state`, such as `READY=1`, to systemd, if it started this process.

    A message that cannot be sent is lost: the service works without it.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # an abstract socket name, which starts with NUL: unix(7)
        address = f"\0{address[1:]}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        try:
            sender.sendto(state.encode(), address)
        except OSError:
            return


def watchdog_seconds() -> float | None:
    """Return the seconds within which systemd expects each WATCHDOG=1; None if it expects none."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / _MICROSECONDS if microseconds.isdecimal() else None
