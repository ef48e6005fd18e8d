"""`authsvc serve`: run the service alone."""

import os
import sys

import click

from authsvc.cli.context import Given, pass_given
from authsvc.system.sockets import SERVICE_ARGUMENTS


@click.command()
@pass_given
def serve(given: Given) -> None:
    """Run the service alone, on its Unix socket, for an nginx of your own."""
    given.load()
    # The command line's memory is given back to the system on the way.
    os.execve(sys.executable, [sys.executable, *SERVICE_ARGUMENTS], given.environment())  # noqa: S606
