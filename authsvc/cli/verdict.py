"""`authsvc verdict`: what a reader with these headers would get, and why."""

import click

from authsvc.cli.context import EXIT_DENIED, Given, backends_of, pass_given, show_json
from authsvc.embedder import embedder_of
from authsvc.guard import rules_of
from authsvc.policy import EXPLANATIONS, decide


@click.command()
@click.option("--referer", metavar="URL", help="The Referer header, as a browser sends it.")
@click.option("--header", "headers", metavar="'K: V'", multiple=True, help="Another header; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@pass_given
def verdict(given: Given, referer: str | None, headers: tuple[str, ...], *, as_json: bool) -> None:
    """Print the verdict on a read with these headers, and its reason.

    Exit status: 0 for allow, 3 for deny.
    """
    settings = given.settings
    with backends_of(given) as backends:
        rules = rules_of(backends.catalog.access.read().sites, settings)
    embedder = embedder_of(_parsed(headers, referer), editor_agents=settings.editor_agents)
    result = decide(embedder, rules)
    word = "allow" if result.allowed else "deny"
    if as_json:
        show_json({"verdict": word, "reason": result.reason.value, "embedder": embedder})
    else:
        click.secho(word, fg="green" if result.allowed else "red", bold=True, nl=False)
        click.echo(f"  {result.reason.value}: {EXPLANATIONS[result.reason]} (embedder: {embedder})")
    if not result.allowed:
        raise SystemExit(EXIT_DENIED)


def _parsed(lines: tuple[str, ...], referer: str | None) -> dict[str, str]:
    """Return the headers by lower-case name. Of two with one name the first
    counts, as it does for nginx 1.22."""
    headers: dict[str, str] = {} if referer is None else {"referer": referer}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            message = f"{line!r} is no header; write it as 'Name: value'"
            raise click.BadParameter(message, param_hint="--header")
        headers.setdefault(name.strip().lower(), value.strip())
    return headers
