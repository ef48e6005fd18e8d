"""The table of all upload APIs."""

from typing import Final

from authsvc.clients.native import Native
from authsvc.clients.port import Client

CLIENTS: Final[tuple[Client, ...]] = (Native(),)

FALLBACK: Final = CLIENTS[0]
"""The API whose JSON answers an address that does not belong to any API."""


def client_at(path: str) -> Client:
    """Return the API at an address."""
    return next((client for client in CLIENTS if path in client.paths), FALLBACK)


def client_named(name: str) -> Client:
    """Return the API with this name."""
    return next((client for client in CLIENTS if client.name == name), FALLBACK)
