"""The data folder's back ends, for the commands that need them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authsvc.data_folder import become_owner

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from authsvc.backends import Backends
    from authsvc.cli.context import Given


def backends_of(given: Given) -> AbstractContextManager[Backends]:
    """Open the data folder's back ends for one command.

    Root becomes the folder's owner for good: files that it made there would be
    out of the service's reach, and what the service has written is nothing
    that root should read.
    """
    # Here and not above: it loads SQLAlchemy, for which neither Tab nor --help should wait 0.2 s.
    from authsvc.backends import opened  # noqa: PLC0415

    settings = given.settings
    become_owner(settings.data_dir)
    return opened(settings)
