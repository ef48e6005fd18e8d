import inspect
import re

import pytest

from authsvc import errors
from authsvc.errors import AnswerError, AuthsvcError, BadSite, OperatorError, ServerError, TooLarge, UploadRefused

TREE_LINE = re.compile(r"[│├└─ ]*[├└]── (?P<name>\w+)(?: +(?P<status>\d{3})  (?P<code>\w+))?(?:  +\S.*)?")
CLASSES = {
    name: kind
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, AuthsvcError) and kind.__module__.startswith(errors.__name__)
}
ANSWERS = {name: kind for name, kind in CLASSES.items() if issubclass(kind, AnswerError) and not kind.__subclasses__()}


def drawn_tree() -> dict[str, tuple[str, str, str]]:
    """Return parent, status and code of every class drawn in the docstring."""
    lines = inspect.getdoc(errors) or ""
    drawn: dict[str, tuple[str, str, str]] = {}
    path: list[str] = []
    for match in filter(None, map(TREE_LINE.fullmatch, lines.splitlines())):
        depth = match.start("name") // 4 - 1
        path[depth:] = [match["name"]]
        parent = path[depth - 1] if depth else "AuthsvcError"
        drawn[match["name"]] = (parent, match["status"] or "", match["code"] or "")
    return drawn


def test_drawn_tree_names_every_class() -> None:
    # AnswerError only holds what the first two branches share.
    assert set(drawn_tree()) == set(CLASSES) - {"AuthsvcError", "AnswerError"}


@pytest.mark.parametrize("name", sorted(set(CLASSES) - {"AuthsvcError", "AnswerError"}))
def test_drawn_tree_shows_parent_status_and_code_of_each_class(name: str) -> None:
    parent, status, code = drawn_tree()[name]
    kind = CLASSES[name]
    assert issubclass(kind, CLASSES[parent])
    if kind not in (UploadRefused, ServerError, OperatorError):
        assert kind.__base__ is CLASSES[parent]
    assert code == getattr(kind, "code", "")
    assert status == str(getattr(kind, "status", ""))


def test_codes_are_unique_and_stable_words() -> None:
    codes = [kind.code for kind in ANSWERS.values()]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_message_is_in_whole_sentences(name: str) -> None:
    kind = ANSWERS[name]
    is_later = kind.status >= 500 or kind.status == 429
    assert issubclass(kind, ServerError if is_later else UploadRefused)
    assert 400 <= kind.status <= 599
    values = {"limit_bytes": 1024, "found": "60 megapixels", "limit": "50", "setting": "max_pixels", "what": "chunk"}
    text = kind(kind="PNG", reason="a reason", **values).text
    assert text[0].isupper()
    assert text.endswith((".", "curl -F file=@picture.png"))
    assert "{" not in text
    assert kind.__doc__


@pytest.mark.parametrize(
    ("code", "status"),
    {
        "empty": 400,
        "no_file": 400,
        "bad_multipart": 400,
        "bad_token": 401,
        "scope": 403,
        "collision": 409,
        "too_large": 413,
        "unsupported": 415,
        "rate": 429,
        "busy": 503,
        "full": 507,
    }.items(),
)
def test_promised_code_has_its_status(code: str, status: int) -> None:
    assert [kind.status for kind in ANSWERS.values() if kind.code == code] == [status]


def test_temporary_failures_have_a_retry_after() -> None:
    waits = {kind.code for kind in ANSWERS.values() if kind.retry_after}
    assert waits == {"rate", "busy", "unavailable", "timeout"}


def test_values_are_shown_as_they_are() -> None:
    assert "{limit_bytes} {0}" in str(BadSite(pattern="{limit_bytes} {0}", reason="no"))
    assert "1024 bytes" in TooLarge(limit_bytes=1024).text
    assert OperatorError(reason="it is so").text == str(OperatorError(reason="it is so")) == "it is so"
