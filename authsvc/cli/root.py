"""The command line's entry point and the options before every command."""

from pathlib import Path

import click

from authsvc import __version__
from authsvc.cli.context import Given, fail
from authsvc.cli.doctor import doctor
from authsvc.cli.image import image
from authsvc.cli.new_config import new_config
from authsvc.cli.nginx import nginx
from authsvc.cli.setup import check_config, init, reindex_command
from authsvc.cli.site import site
from authsvc.cli.token import token
from authsvc.cli.up import serve, up
from authsvc.cli.verdict import verdict
from authsvc.errors import AuthsvcError, Broken


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Settings file (TOML). [default: $AUTHSVC_CONFIG, else authsvc.toml in the data folder]",
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False, readable=False),
    help="Data folder. [default: the setting data_dir]",
)
@click.pass_context
def authsvc(context: click.Context, config: Path | None, data_dir: Path | None) -> None:
    """A private image host that nginx serves at its own speed.

    Exit status: 0 done, 1 failed (one line on stderr says why), 2 wrong usage,
    3 a verdict that denies.
    """
    context.obj = Given(config, {"data_dir": data_dir})


for command in (
    up,
    serve,
    init,
    check_config,
    verdict,
    token,
    site,
    image,
    nginx,
    reindex_command,
    doctor,
    new_config,
):
    authsvc.add_command(command)


def main() -> None:
    """Run the command that the arguments name, and exit."""
    try:
        authsvc(prog_name="authsvc")
    except AuthsvcError as error:
        fail(error)
    except OSError as error:
        fail(Broken(reason=f"{error.filename or 'the system says'}: {error.strerror}"))
