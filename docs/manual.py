"""The manual page authsvc(1), from the commands' own help texts."""

import inspect
from collections.abc import Iterator
from typing import Final

import click

from docs.commandtree import contexts

_NAME: Final = "A self-hosted image host with hotlink protection, served by nginx"

_FILES: Final = (
    ("/etc/authsvc/authsvc.toml", "Settings; AUTHSVC_CONFIG or --config names another file."),
    ("/var/lib/authsvc", "Pictures, catalog and run-time files."),
    ("/run/authsvc/authsvc.sock", "The socket between nginx and the service."),
    ("/etc/nginx/authsvc", "What nginx includes; written by `authsvc nginx install`."),
)
_STATUSES: Final = (
    ("0", "Done."),
    ("1", "Failed; one line on stderr gives the reason."),
    ("2", "Wrong usage."),
    ("3", "Only from `authsvc verdict`: the picture would not be shown."),
)
_EXAMPLES: Final = (
    ("authsvc site add blog.example.com", "Let a blog show pictures."),
    ("authsvc token add laptop --expires 1y", "Make a token for an editor."),
    ("authsvc doctor", "Show what is wrong, and the command that fixes it."),
)


def manual_page(command: click.Command) -> str:
    """Return the page in roff, as man(7) describes it."""
    whole, *commands = contexts(command, "authsvc")
    lines = [
        '.\\" Written by docs/generate.py from the code: change the code, then run `make docs`.',
        ".TH AUTHSVC 1",
        ".SH NAME",
        f"authsvc \\- {_escaped(_NAME[0].lower() + _NAME[1:])}",
        ".SH SYNOPSIS",
        ".B authsvc",
        "[\\fIOPTION\\fR]... \\fICOMMAND\\fR [\\fIARGUMENT\\fR]...",
        ".SH DESCRIPTION",
        *_paragraphs(command.help or ""),
        ".SH OPTIONS",
        *_options(whole),
        ".SH COMMANDS",
    ]
    for context in commands:
        if not isinstance(context.command, click.Group):
            lines += _section(context)
    for title, rows in (("EXIT STATUS", _STATUSES), ("FILES", _FILES), ("EXAMPLES", _EXAMPLES)):
        lines.append(f".SH {title}")
        for name, meaning in rows:
            lines += [".TP", f".B {_escaped(name)}", _escaped(meaning)]
    lines += [".SH SEE ALSO", ".BR nginx (8),", ".BR systemctl (1),", ".BR certbot (1)"]
    return "\n".join(lines) + "\n"


def _section(context: click.Context) -> Iterator[str]:
    usage = " ".join(context.command.collect_usage_pieces(context))
    yield f'.SS "{_escaped(context.command_path.removeprefix("authsvc "))} {_escaped(usage)}"'
    yield from _paragraphs(context.command.help or "")
    yield from _options(context)


def _options(context: click.Context) -> Iterator[str]:
    for parameter in context.command.params:
        record = parameter.get_help_record(context) if isinstance(parameter, click.Option) else None
        if record is not None:
            yield ".TP"
            yield f".B {_escaped(record[0])}"
            yield _escaped(" ".join(record[1].split()))


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(inspect.cleandoc(text).split("\n\n")):
        if number:
            yield ".PP"
        yield _escaped(" ".join(paragraph.split()))


def _escaped(text: str) -> str:
    """Keep roff from reading commands in `text`: backslashes, hyphens, a dot or quote at the start."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    return f"\\&{text}" if text[:1] in {".", "'"} else text
