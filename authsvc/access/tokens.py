"""Make tokens and recognise them again.

A token is 256 random bits behind the prefix `asv_`, by which secret scanners
and people know it. Only its SHA-256 is stored: with that many random bits a
slow password hash would protect nothing more.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from typing import Final

from authsvc.errors import BadName, BadToken, WrongScope
from authsvc.model import Scope, Token

PREFIX: Final = "asv_"
SHORT_TOKEN_CHARACTERS: Final = 20
"""A taken-over token with fewer characters is warned about."""
MAX_TOKEN_CHARACTERS: Final = 256

# What fits into a header value as it stands: RFC 9110 section 5.5, no spaces.
_SENDABLE: Final = re.compile(rf"[!-~]{{1,{MAX_TOKEN_CHARACTERS}}}")


def new_token() -> str:
    """Return a fresh token of 47 characters."""
    return PREFIX + secrets.token_urlsafe(32)


def fingerprint(token: str) -> str:
    """Return the hex SHA-256 under which the catalog knows `token`."""
    return hashlib.sha256(token.encode()).hexdigest()


def checked_own_token(text: str) -> str:
    """Return a token that somebody brings along, without surrounding space.

    Raises BadName when no HTTP client could send it in a header.
    """
    token = text.strip()
    if not _SENDABLE.fullmatch(token):
        raise BadName(
            reason=f"a token is 1 to {MAX_TOKEN_CHARACTERS} visible ASCII characters without spaces; "
            f"this one has {len(token)} characters, or others among them"
        )
    return token


def authorize(presented: str, tokens: Iterable[Token], *, scope: Scope, now: float) -> Token:
    """Return the token that `presented` is, if it may do what `scope` names.

    Raises BadToken when there is none, also for a revoked or expired one, and
    WrongScope when it is valid for something else. Every token is compared, in
    constant time, so that the time taken tells nothing.
    """
    wanted = fingerprint(presented)
    found = None
    for token in tokens:
        if hmac.compare_digest(token.fingerprint, wanted):
            found = token
    if not presented or found is None or not found.is_valid(now):
        raise BadToken
    if scope is not found.scope:
        raise WrongScope
    return found
