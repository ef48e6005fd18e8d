"""Check nginx's port before nginx does: nginx reports a port in use only in its log."""

import socket

from authsvc.errors import InUse
from authsvc.settings import Settings


def check_port(settings: Settings) -> None:
    """Raise InUse when nginx could not listen on its addresses and port."""
    is_everywhere = settings.listen == "*"
    _try_to_listen(socket.AF_INET, "" if is_everywhere else settings.listen, settings.port)
    if settings.ipv6:
        _try_to_listen(socket.AF_INET6, "::" if is_everywhere else "::1", settings.port)


def _try_to_listen(family: socket.AddressFamily, address: str, port: int) -> None:
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            raise InUse(
                reason=f"port {port} on {address or '*'} cannot be used: {error.strerror}; "
                "choose another: make run PORT=8081, or authsvc up --port 8081"
            ) from error
