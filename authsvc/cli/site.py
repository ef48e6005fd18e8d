"""`authsvc site`: the sites whose pages may embed pictures."""

import time

import click

from authsvc.access.site_list_file import publish_sites
from authsvc.cli.backends import backends_of
from authsvc.cli.context import Given, pass_given, show_json, show_table
from authsvc.errors import NoSuchObject
from authsvc.verdict.sites import canonical_site, host_in


@click.group()
def site() -> None:
    """Choose the sites that may embed pictures."""


@site.command("add")
@click.argument("pattern")
@pass_given
def add(given: Given, pattern: str) -> None:
    """Let the pages of PATTERN embed pictures.

    PATTERN is a host, or *.HOST for all its sub-domains. If you paste an
    address, its host is used. Takes effect within 10 seconds.
    """
    canonical = _canonical(pattern)
    with backends_of(given) as backends:
        is_new = backends.catalog.access.add_site(canonical, now=int(time.time()))
        publish_sites(backends.catalog.access, given.settings)
    click.echo(f"{canonical} may embed now" if is_new else f"{canonical} was on the list before")


@site.command("remove")
@click.argument("pattern")
@pass_given
def remove(given: Given, pattern: str) -> None:
    """Remove PATTERN from the list of sites.

    Its pages can no longer embed pictures, within 10 seconds.
    """
    canonical = _canonical(pattern)
    settings = given.settings
    with backends_of(given) as backends:
        if not backends.catalog.access.remove_site(canonical):
            raise NoSuchObject(reason=f"{canonical} is not on the list; `authsvc site list` shows it")
        publish_sites(backends.catalog.access, settings)
    click.echo(f"{canonical} may no longer embed")
    if canonical in settings.own_hosts:
        click.echo(f"note: {canonical} is the service's own host, whose pages may always embed", err=True)


@site.command("list")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@pass_given
def list_(given: Given, *, as_json: bool) -> None:
    """Show the sites and the service's own hosts."""
    with backends_of(given) as backends:
        sites = backends.catalog.access.read().sites
    own = sorted(given.settings.own_hosts)
    if as_json:
        show_json({"sites": sites, "own_hosts": own})
        return
    rows = [(pattern, "site") for pattern in sites] + [(host, "own host, always") for host in own]
    show_table(("pattern", "why"), rows)


def _canonical(pattern: str) -> str:
    """Return the canonical spelling of what was given, with a note where it differs."""
    canonical = canonical_site(host_in(pattern))
    if canonical != pattern:
        click.echo(f"using {canonical}", err=True)
    return canonical
