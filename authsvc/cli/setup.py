"""Commands that prepare a data folder and its settings."""

from pathlib import Path

import click
from pydantic import SecretStr

from authsvc.access.site_list_file import publish_sites
from authsvc.backends import prepare_data_dir
from authsvc.cli.backends import backends_of
from authsvc.cli.context import EXIT_FAILED, Given, pass_given, show_json, show_table
from authsvc.data_folder import become_owner
from authsvc.library.reindex import reindex
from authsvc.nginx.placeholders import check_placeholders


@click.command()
@pass_given
def init(given: Given) -> None:
    """Make the data folder and its catalog.

    Safe to repeat.
    """
    settings = given.settings
    check_placeholders(settings)
    become_owner(settings.data_dir)
    is_new = prepare_data_dir(settings)
    with backends_of(given) as backends:
        publish_sites(backends.catalog.access, settings)
    click.echo(f"{settings.data_dir} is ready" if is_new else f"{settings.data_dir} was ready before")


@click.command("check-config")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@pass_given
def check_config(given: Given, *, as_json: bool) -> None:
    """Print each setting's value and its source."""
    loaded = given.load()
    for note in loaded.notes:
        click.echo(f"authsvc: {note}", err=True)
    check_placeholders(loaded.settings)
    values = {name: _shown(value) for name, value in loaded.settings.effective().items()}
    if as_json:
        show_json({name: {"value": value, "origin": loaded.origins[name]} for name, value in values.items()})
        return
    if loaded.config_file is not None:
        click.echo(f"settings file: {loaded.config_file}")
    rows = [(name, _as_text(value), loaded.origins[name]) for name, value in values.items()]
    show_table(("setting", "value", "comes from"), rows)


@click.command("reindex")
@pass_given
def reindex_command(given: Given) -> None:
    """Add stored pictures to the catalog.

    For pictures copied from the 2018 script, or after the catalog was lost.
    Nothing is removed.
    """
    with backends_of(given) as backends:
        keys = list(backends.store.keys())
        results = reindex(iter(keys), images=backends.catalog.images, store=backends.store)
        with click.progressbar(results, length=len(keys), label="reindex") as progress:
            problems = [result for result in progress if result.problem]
    for result in problems:
        click.echo(f"{result.key.path}: {result.problem}", err=True)
    click.echo(f"{len(keys) - len(problems)} pictures are in the catalog, {len(problems)} cannot be added")
    if problems:
        raise SystemExit(EXIT_FAILED)


def _shown(value: object) -> object:
    """Return a setting's value for JSON; a secret becomes asterisks."""
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, Path | SecretStr) else value


def _as_text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    return "built-in" if value is None else str(value)
