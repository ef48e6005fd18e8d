"""`authsvc verdict`: whether a request with these headers gets the picture, and why."""

import re
from typing import Final, TextIO

import click

from authsvc.access.live import rules_of
from authsvc.cli.backends import backends_of
from authsvc.cli.context import EXIT_DENIED, Given, pass_given, printable, show_json
from authsvc.verdict.explain import Explanation, ReadRequest, explain
from authsvc.verdict.policy import EXPLANATIONS

_REQUEST_LINE: Final = re.compile(r"([A-Z]+) (\S+)(?: HTTP/[0-9.]+)?")


@click.command()
@click.option("--referer", metavar="URL", help="The Referer header, as a browser sends it.")
@click.option("--header", "headers", metavar="'K: V'", multiple=True, help="Another header. May be repeated.")
@click.option(
    "--request",
    "request_file",
    type=click.File(errors="surrogateescape"),
    help="A whole request, as a browser's developer tools copy it; - reads standard input.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@pass_given
def verdict(
    given: Given, referer: str | None, headers: tuple[str, ...], request_file: TextIO | None, *, as_json: bool
) -> None:
    """Explain whether a page may embed pictures.

    Prints the verdict on a request with these headers, and each step that led
    to it. Exit status: 0 for allow, 3 for deny.
    """
    settings = given.settings
    lines = [] if request_file is None else request_file.read().splitlines()
    request = _parsed(lines, headers, referer)
    with backends_of(given) as backends:
        rules = rules_of(backends.catalog.access.read().sites, settings)
    explanation = explain(request, rules, editor_agents=settings.editor_agents, hotlink_status=settings.hotlink_status)
    if as_json:
        show_json(_as_json(explanation))
    else:
        _show(explanation)
    if not explanation.verdict.allowed:
        raise SystemExit(EXIT_DENIED)


def _word(explanation: Explanation) -> str:
    return "allow" if explanation.verdict.allowed else "deny"


def _as_json(explanation: Explanation) -> dict[str, object]:
    return {
        "verdict": _word(explanation),
        "reason": explanation.verdict.reason.value,
        "embedder": explanation.embedder,
        "steps": [
            {"subject": printable(step.subject), "finding": printable(step.finding)} for step in explanation.steps
        ],
    }


def _show(explanation: Explanation) -> None:
    reason = explanation.verdict.reason
    click.secho(_word(explanation), fg="green" if explanation.verdict.allowed else "red", bold=True, nl=False)
    click.echo(f"  {reason.value}: {EXPLANATIONS[reason]} (embedder: {explanation.embedder})\n")
    for step in explanation.steps:
        click.secho(f"  {printable(step.subject)}", bold=True)
        click.echo(f"      {printable(step.finding)}")


def _parsed(lines: list[str], headers: tuple[str, ...], referer: str | None) -> ReadRequest:
    """Return the request. Of two headers with the same name the first counts, as in
    nginx 1.22; `--referer` and `--header` come before the headers of the file."""
    first = _REQUEST_LINE.fullmatch(lines[0].strip()) if lines else None
    rest = lines[1:] if first else lines
    head = rest[: rest.index("")] if "" in rest else rest
    values: dict[str, str] = {} if referer is None else {"referer": referer}
    repeated = set()
    for line in (*headers, *head):
        name, colon, value = line.partition(":")
        name = name.strip().lower()
        if not colon or not name:
            message = f"{line!r} is not a header; write it as 'Name: value'"
            raise click.BadParameter(message, param_hint="--header" if line in headers else "--request")
        if name in values:
            repeated.add(name)
        values.setdefault(name, value.strip())
    method, target = first.groups() if first else ("", "")
    return ReadRequest(values, method=method, target=target, repeated=frozenset(repeated))
