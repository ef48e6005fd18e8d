"""`authsvc serve`: run the service without nginx."""

import os
import sys

import click

from authsvc.cli.context import Given, pass_given
from authsvc.system.sockets import SERVICE_ARGUMENTS


@click.command()
@pass_given
def serve(given: Given) -> None:
    """Run only the service, without nginx.

    It listens on its Unix socket, for an nginx that runs already.
    """
    given.load()
    # exec frees the memory of the command line.
    os.execve(sys.executable, [sys.executable, *SERVICE_ARGUMENTS], given.environment())  # noqa: S606
