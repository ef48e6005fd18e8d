"""Make tokens, and check presented ones.

A token is the prefix `asv_`, which secret scanners and people recognise, and
256 random bits. Only its SHA-256 is stored: with so many random bits a slow
password hash would add no protection.
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
"""The operator gets a warning about an existing token with fewer characters."""
MAX_TOKEN_CHARACTERS: Final = 256

# Characters that a header value can contain (RFC 9110 section 5.5), without spaces.
_SENDABLE: Final = re.compile(rf"[!-~]{{1,{MAX_TOKEN_CHARACTERS}}}")


def new_token() -> str:
    """Return a new token of 47 characters."""
    return PREFIX + secrets.token_urlsafe(32)


def fingerprint(token: str) -> str:
    """Return the hex SHA-256 that the catalog stores for `token`."""
    return hashlib.sha256(token.encode()).hexdigest()


def checked_own_token(text: str) -> str:
    """Return an existing token that somebody wants to use here, without surrounding space.

    Raises BadName when no HTTP client could send it in a header.
    """
    token = text.strip()
    if not _SENDABLE.fullmatch(token):
        raise BadName(
            reason=f"a token is 1 to {MAX_TOKEN_CHARACTERS} visible ASCII characters without spaces; "
            f"this one has {len(token)} characters, or contains other characters"
        )
    return token


def authorize(presented: str, tokens: Iterable[Token], *, scope: Scope, now: float) -> Token:
    """Return the token that was presented, if it has this scope.

    Raises BadToken when it is unknown, revoked or expired, and WrongScope when
    it is valid for something else. Every token is compared, in constant time,
    so that the response time reveals nothing.
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
