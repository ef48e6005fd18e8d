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

    Root becomes the folder's owner for the rest of the process: the service
    could not write files that root makes, and root should not trust files that
    the service has written.
    """
    # Not at the top: it loads SQLAlchemy, which would slow down Tab and --help by 0.2 s.
    from authsvc.backends import opened  # noqa: PLC0415

    settings = given.settings
    become_owner(settings.data_dir)
    return opened(settings)
