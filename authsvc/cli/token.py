"""`authsvc token`: who may upload."""

import re
import sys
import time

import click

from authsvc.access.tokens import SHORT_TOKEN_CHARACTERS, checked_own_token, fingerprint, new_token
from authsvc.cli.backends import backends_of
from authsvc.cli.context import Given, moment, pass_given, show_json, show_table
from authsvc.errors import BadName
from authsvc.model import Scope, Token

_NAME = re.compile(r"[\w][\w .@+-]{0,63}")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}
_LONGEST = 100 * _UNITS["y"]
_LIFETIME = re.compile(rf"([1-9][0-9]{{0,8}})([{''.join(_UNITS)}])")


@click.group()
def token() -> None:
    """Make and revoke tokens for uploads."""


@token.command("add")
@click.argument("name")
@click.option(
    "--scope",
    type=click.Choice([s.value for s in Scope]),
    default=Scope.UPLOAD.value,
    show_default=True,
    help="What the token allows.",
)
@click.option("--expires", metavar="TIME", help="Lifetime, such as 90d, 12h or 1y. [default: no end]")
@click.option("--stdin", "from_stdin", is_flag=True, help="Use an existing token, read from standard input.")
@pass_given
def add(given: Given, name: str, scope: str, expires: str | None, *, from_stdin: bool) -> None:
    """Make a token called NAME and print it.

    It is printed only once; only its hash is stored.
    """
    now = int(time.time())
    if not _NAME.fullmatch(name):
        raise BadName(reason=f"{name!r} is not a name for a token; use 1 to 64 letters, digits, spaces or . @ + - _")
    expires_at = None if expires is None else now + _lifetime_seconds(expires)
    text = checked_own_token(sys.stdin.read(4096)) if from_stdin else new_token()
    with backends_of(given) as backends:
        backends.catalog.access.add_token(Token(name, fingerprint(text), Scope(scope), now, expires_at))
    if len(text) < SHORT_TOKEN_CHARACTERS:
        click.echo(
            f"warning: this token has only {len(text)} characters and may be guessed; "
            f"`authsvc token add NAME` makes a strong token",
            err=True,
        )
    if from_stdin:
        click.echo(f"the token {name!r} is valid now", err=True)
    else:
        click.echo(text)


@token.command("list")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@pass_given
def list_(given: Given, *, as_json: bool) -> None:
    """Show all tokens, but never their text."""
    with backends_of(given) as backends:
        tokens = backends.catalog.access.read().tokens
    now = time.time()
    rows = [
        {
            "name": item.name,
            "scope": item.scope.value,
            "state": _state(item, now),
            "created": moment(item.created_at),
            "expires": moment(item.expires_at),
            "last_used": moment(item.last_used_at),
        }
        for item in tokens
    ]
    if as_json:
        show_json([{key: None if value == "-" else value for key, value in row.items()} for row in rows])
    else:
        columns = ("name", "scope", "state", "created", "expires", "last_used")
        show_table([column.replace("_", " ") for column in columns], [[row[c] for c in columns] for row in rows])


@token.command("revoke")
@click.argument("name")
@pass_given
def revoke(given: Given, name: str) -> None:
    """Make the token called NAME invalid.

    Permanently, and within 2 seconds.
    """
    with backends_of(given) as backends:
        was_valid = backends.catalog.access.revoke_token(name, now=int(time.time()))
    click.echo(f"the token {name!r} is revoked" if was_valid else f"the token {name!r} was revoked already")


def _state(item: Token, now: float) -> str:
    if item.revoked_at is not None:
        return "revoked"
    return "valid" if item.is_valid(now) else "expired"


def _lifetime_seconds(text: str) -> int:
    match = _LIFETIME.fullmatch(text)
    if match is None:
        raise BadName(reason=f"{text!r} is not a lifetime; write it as 90d (units: {' '.join(_UNITS)})")
    seconds = int(match[1]) * _UNITS[match[2]]
    if seconds > _LONGEST:
        raise BadName(reason=f"{text!r} is longer than 100 years; omit --expires for a token that never expires")
    return seconds
