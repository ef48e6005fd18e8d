"""`authsvc up`: run service and nginx."""

import os
import shlex
import sys

import click

from authsvc.cli.context import Given, pass_given
from authsvc.settings import Settings
from authsvc.up.start import WELCOME, run


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), help="TCP port of nginx. [default: the setting port]")
@pass_given
def up(given: Given, port: int | None) -> None:
    """Run service and nginx in the foreground.

    All files are in the data folder. Ctrl-C stops both.
    """
    # Independent of the shell's umask: only nginx's group may read the files.
    os.umask(0o027)
    settings = given.load(port=port).settings
    run(
        settings,
        given.environment(port=port),
        announce=lambda text: click.secho(f"authsvc: {text}", err=True, fg="yellow"),
        greet=lambda first_token: _greet(settings, first_token),
    )


def _greet(settings: Settings, first_token: str | None) -> None:
    """Show a newcomer where everything is and how to begin."""
    path = str(settings.data_dir / WELCOME)
    # Without quotes inside the value, curl reads a comma as the end of the name.
    picture = shlex.quote(f'file=@"{path}"' if "," in path else f"file=@{path}")
    token = first_token or "YOUR-TOKEN"
    click.echo(f"authsvc answers on {settings.base_url}   (stop it with Ctrl-C)")
    click.echo(f"its data is in     {settings.data_dir}")
    if first_token is not None:
        click.echo("your first token, shown only once:")
        click.secho(f"  {first_token}", bold=True)
    else:
        command = f"{shlex.quote(sys.argv[0])} --data-dir {shlex.quote(str(settings.data_dir))}"
        click.echo(f"a new token:       {command} token add NAME")
    click.echo("upload a picture:")
    click.echo(f"  curl -H 'token: {token}' -F {picture} http://{settings.local_host}:{settings.port}/api/v1/upimg")
