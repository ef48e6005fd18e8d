import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authsvc.model import EXTENSIONS, KEY_PATH_PATTERN, ImageType, Key, Scope, Token

DIGEST = "7be49a5d9f4ab1e2c0d7f3b6a8901234"
keys = st.builds(Key, st.from_regex(r"[0-9a-f]{32}", fullmatch=True), st.sampled_from(EXTENSIONS))

MIMES = {"jpg": "image/jpeg", "png": "image/png", "gif": "image/gif", "webp": "image/webp", "avif": "image/avif"}


def test_every_type_has_its_registered_media_type() -> None:
    assert {kind.value: kind.mime for kind in ImageType} == MIMES


@pytest.mark.parametrize("text", [f"{DIGEST}.png", f"7b/{DIGEST[2:]}.png", f"/7b/{DIGEST[2:]}.png"])
def test_key_is_read_in_every_spelling(text: str) -> None:
    key = Key.parse(text)
    assert (key.digest, key.extension, key.shard) == (DIGEST, "png", "7b")
    assert key.path == f"/7b/{DIGEST[2:]}.png"
    assert str(key) == f"{DIGEST}.png"
    assert key.mime == "image/png"


def test_imported_jpeg_keeps_its_extension() -> None:
    key = Key.parse(f"{DIGEST}.jpeg")
    assert str(key) == f"{DIGEST}.jpeg"
    assert key.mime == "image/jpeg"


@settings(deadline=None)
@given(key=keys)
def test_every_spelling_of_a_key_is_read_as_that_key(key: Key) -> None:
    assert Key.parse(str(key)) == Key.parse(key.path) == Key.parse(key.path.removeprefix("/")) == key
    assert re.fullmatch(f"/{KEY_PATH_PATTERN}", key.path)


NO_KEYS = {
    "nothing": "",
    "slash": "/",
    "upper-case digest": f"{DIGEST.upper()}.png",
    "upper-case extension": f"{DIGEST}.PNG",
    "other extension": f"{DIGEST}.svg",
    "no extension": DIGEST,
    "two extensions": f"{DIGEST}.png.png",
    "short digest": f"{DIGEST[1:]}.png",
    "long digest": f"{DIGEST}0.png",
    "two slashes first": f"//7b/{DIGEST[2:]}.png",
    "two slashes inside": f"7b//{DIGEST[2:]}.png",
    "slash elsewhere": f"7be/{DIGEST[3:]}.png",
    "two shards": f"7b/e4/{DIGEST[4:]}.png",
    "dot": f"7b/./{DIGEST[2:]}.png",
    "parent": f"../{DIGEST}.png",
    "climbing out": "../../etc/passwd",
    "newline after": f"{DIGEST}.png\n",
    "space before": f" {DIGEST}.png",
    "NUL": f"{DIGEST}.png\0",
    "other digits": f"\N{FULLWIDTH DIGIT SEVEN}{DIGEST[1:]}.png",
    "query": f"{DIGEST}.png?w=160",
    "percent": f"%37b/{DIGEST[2:]}.png",
}


@pytest.mark.parametrize("text", NO_KEYS.values(), ids=NO_KEYS.keys())
def test_text_that_is_not_a_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a picture's key"):
        Key.parse(text)


@settings(deadline=None, max_examples=300)
@given(text=st.text() | keys.flatmap(lambda key: st.sampled_from([key.path, f"/{key.path}", f"{key.path}\n"])))
def test_path_of_a_key_stays_in_its_shard(text: str) -> None:
    try:
        key = Key.parse(text)
    except ValueError:
        return
    assert re.fullmatch(rf"/{KEY_PATH_PATTERN}", key.path)


def test_keys_sort_by_digest() -> None:
    assert sorted([Key("b" * 32, "gif"), Key("a" * 32, "png")]) == [Key("a" * 32, "png"), Key("b" * 32, "gif")]


@pytest.mark.parametrize(
    ("expires_at", "revoked_at", "is_valid"),
    [(None, None, True), (101, None, True), (100, None, False), (99, None, False), (None, 1, False), (101, 1, False)],
    ids=["never expires", "expires later", "expires now", "expired", "revoked", "revoked before it expires"],
)
def test_token_validity(expires_at: int | None, revoked_at: int | None, *, is_valid: bool) -> None:
    token = Token("laptop", "f" * 64, Scope.UPLOAD, 0, expires_at=expires_at, revoked_at=revoked_at)
    assert token.is_valid(100) is is_valid
