"""Values for the ports: blobs, images and tokens that are new each time."""

import hashlib
import secrets
from dataclasses import dataclass

from authsvc.model import Digests, Image, Key, Scope, Token


@dataclass(frozen=True, slots=True)
class Blob:
    """Some bytes and what a store calls them."""

    key: Key
    sha256: str
    content: bytes


def digests_of(content: bytes) -> Digests:
    return Digests(hashlib.md5(content).hexdigest(), hashlib.sha256(content).hexdigest())


def a_blob(content: bytes | None = None, *, extension: str = "png") -> Blob:
    content = secrets.token_bytes(64) if content is None else content
    digests = digests_of(content)
    return Blob(Key(digests.md5, extension), digests.sha256, content)


def forgery_of(blob: Blob) -> Blob:
    """Return other bytes that claim the same md5."""
    other = a_blob()
    return Blob(blob.key, other.sha256, other.content)


def an_image(
    *,
    digest: str | None = None,
    extension: str = "png",
    sha256: str | None = None,
    name: str = "cat.png",
    created_at: int = 1_700_000_000,
) -> Image:
    return Image(
        key=Key(digest or secrets.token_hex(16), extension),
        sha256=sha256 or secrets.token_hex(32),
        size=1234,
        width=640,
        height=480,
        name=name,
        created_at=created_at,
    )


def received_as(image: Image) -> Digests:
    """Return the digests of an upload that was stored byte for byte."""
    return Digests(image.key.digest, image.sha256)


def some_digests() -> Digests:
    return Digests(secrets.token_hex(16), secrets.token_hex(32))


def a_token(name: str | None = None, *, fingerprint: str | None = None, scope: Scope = Scope.UPLOAD) -> Token:
    return Token(name or secrets.token_hex(8), fingerprint or secrets.token_hex(32), scope, 1_700_000_000)
