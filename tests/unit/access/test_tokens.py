import hashlib
import string

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.datastructures import Headers

from authsvc.access.tokens import (
    MAX_TOKEN_CHARACTERS,
    PREFIX,
    SHORT_TOKEN_CHARACTERS,
    authorize,
    checked_own_token,
    fingerprint,
    new_token,
)
from authsvc.clients.native import Native
from authsvc.errors import BadName, BadToken, WrongScope
from authsvc.model import Scope, Token

NOW = 1_700_000_000
VISIBLE = [chr(code) for code in range(33, 127)]
sendable = st.text(st.sampled_from(VISIBLE), min_size=1, max_size=MAX_TOKEN_CHARACTERS)


def known(text: str, *, scope: Scope = Scope.UPLOAD, expires: int | None = None, revoked: int | None = None) -> Token:
    return Token("laptop", fingerprint(text), scope, NOW - 60, expires_at=expires, revoked_at=revoked)


def test_new_token_is_recognisable_and_has_256_bits() -> None:
    token = new_token()
    assert token.startswith("asv_")
    assert len(token) == 47
    # 43 characters of base64url carry 32 bytes.
    assert set(token.removeprefix(PREFIX)) <= set(string.ascii_letters + string.digits + "-_")
    assert checked_own_token(token) == token
    assert len(token) >= SHORT_TOKEN_CHARACTERS


def test_new_tokens_differ() -> None:
    assert len({new_token() for _ in range(1000)}) == 1000


@settings(deadline=None)
@given(token=sendable)
def test_fingerprint_is_sha256_and_hides_the_token(token: str) -> None:
    assert fingerprint(token) == hashlib.sha256(token.encode("ascii")).hexdigest()
    assert len(token) < 8 or token not in fingerprint(token)


@settings(deadline=None)
@given(token=sendable, before=st.sampled_from(["", " ", "\n"]), after=st.sampled_from(["", " ", "\r\n", "\t"]))
@example(token="x" * MAX_TOKEN_CHARACTERS, before="", after="\n")
def test_existing_token_is_accepted_if_clients_can_send_it(token: str, before: str, after: str) -> None:
    own = checked_own_token(before + token + after)
    assert own == token
    for headers in ({"token": own}, {"authorization": f"Bearer {own}"}):
        assert Native().token_in(Headers(headers)) == own


@pytest.mark.parametrize(
    "text",
    ["", " \n", "two words", "a\nb", "a\0b", "ключ", "é", "x\x7f", "x" * (MAX_TOKEN_CHARACTERS + 1)],
    ids=["nothing", "space", "words", "lines", "NUL", "Cyrillic", "Latin-1", "DEL", "too long"],
)
def test_existing_token_that_no_client_can_send_is_refused(text: str) -> None:
    with pytest.raises(BadName, match=f"1 to {MAX_TOKEN_CHARACTERS} visible ASCII characters"):
        checked_own_token(text)


def test_known_token_has_its_scope() -> None:
    tokens = [known("other"), known("mine"), known("third")]
    assert authorize("mine", tokens, scope=Scope.UPLOAD, now=NOW) is tokens[1]


def test_tokens_may_come_from_a_generator() -> None:
    found = authorize("mine", (known(text) for text in ("mine", "other")), scope=Scope.UPLOAD, now=NOW)
    assert found.fingerprint == fingerprint("mine")


USELESS = {
    "none known": ("mine", []),
    "wrong": ("mine", [known("other")]),
    "missing": ("", [known("other")]),
    "empty, though somebody stored that": ("", [known("")]),
    "in other case": ("MINE", [known("mine")]),
    "with its fingerprint": (fingerprint("mine"), [known("mine")]),
    "revoked": ("mine", [known("mine", revoked=NOW - 1)]),
    "expired": ("mine", [known("mine", expires=NOW)]),
    "revoked, in another scope": ("mine", [known("mine", scope=Scope.ADMIN, revoked=NOW)]),
    "not ASCII": ("mïne\u0141", [known("mine")]),
}


@pytest.mark.parametrize(("presented", "tokens"), USELESS.values(), ids=USELESS.keys())
def test_unknown_revoked_and_expired_tokens_get_the_same_answer(presented: str, tokens: list[Token]) -> None:
    with pytest.raises(BadToken) as caught:
        authorize(presented, tokens, scope=Scope.UPLOAD, now=NOW)
    assert caught.value.text == BadToken().text


def test_token_is_valid_until_it_expires() -> None:
    token = known("mine", expires=NOW + 1)
    assert authorize("mine", [token], scope=Scope.UPLOAD, now=NOW + 0.5) is token


@pytest.mark.parametrize(("has", "wants"), [(Scope.ADMIN, Scope.UPLOAD), (Scope.UPLOAD, Scope.ADMIN)], ids=str)
def test_scopes_do_not_include_each_other(has: Scope, wants: Scope) -> None:
    with pytest.raises(WrongScope):
        authorize("mine", [known("mine", scope=has)], scope=wants, now=NOW)
    assert authorize("mine", [known("mine", scope=has)], scope=has, now=NOW).scope is has
