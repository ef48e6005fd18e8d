"""The values that the layers pass to each other."""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Self


class ImageType(StrEnum):
    """An accepted image type; the value is the extension a new blob gets."""

    JPEG = "jpg"
    PNG = "png"
    GIF = "gif"
    WEBP = "webp"
    AVIF = "avif"

    @property
    def mime(self) -> str:
        """The media type (IANA image types; RFC 9649 for WebP)."""
        return "image/jpeg" if self is ImageType.JPEG else f"image/{self.value}"


EXTENSIONS: Final = (*(kind.value for kind in ImageType), "jpeg")
"""Extensions a key may have. New blobs never get `jpeg`; blobs imported from the
2018 script may have it."""

KEY_PATH_PATTERN: Final = rf"[0-9a-f]{{2}}/[0-9a-f]{{30}}\.(?:{'|'.join(EXTENSIONS)})"
"""A key as it is in an address, without the leading slash. The same pattern works
in nginx's templates (PCRE) and in Python (`re`)."""

WIDTHS: Final = (160, 320, 640, 800, 1280, 1920)
"""The widths of sizes, in pixels, in order."""

_KEY: Final = re.compile(rf"([0-9a-f]{{32}})\.({'|'.join(EXTENSIONS)})")


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """The name of a blob: the hex md5 of its bytes and an extension."""

    digest: str
    extension: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `7be4….png`, `7b/e4….png` or `/7b/e4….png`.

        Raises ValueError for anything else.
        """
        flat = text.removeprefix("/")
        if flat[2:3] == "/":
            flat = flat[:2] + flat[3:]
        match = _KEY.fullmatch(flat)
        if match is None:
            msg = f"{text!r} is not a picture's key, such as /7b/e49a5d9f4ab1e2c0d7f3b6a8901234.png"
            raise ValueError(msg)
        return cls(match[1], match[2])

    @property
    def shard(self) -> str:
        """The first two hex digits, which name the blob's folder."""
        return self.digest[:2]

    @property
    def path(self) -> str:
        """The path in the picture's address: `/7b/e4….png`."""
        return f"/{self.shard}/{self.digest[2:]}.{self.extension}"

    @property
    def kind(self) -> ImageType:
        """The image type that the extension stands for."""
        return ImageType("jpg" if self.extension == "jpeg" else self.extension)

    @property
    def mime(self) -> str:
        """The media type that the extension stands for."""
        return self.kind.mime

    def __str__(self) -> str:
        """The store's name for the blob: `7be4….png`."""
        return f"{self.digest}.{self.extension}"


@dataclass(frozen=True, slots=True)
class Digests:
    """The hex digests of some bytes."""

    md5: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Image:
    """The catalog's facts about one stored blob.

    `size` is in bytes, `width` and `height` in pixels as in the file's
    header; `created_at` in seconds since the epoch; `name` is the file name that
    its first uploader sent, cleaned, or "".
    """

    key: Key
    sha256: str
    size: int
    width: int
    height: int
    name: str
    created_at: int


class Scope(StrEnum):
    """What a token may do. Neither scope includes the other: a token in an editor
    allows only uploads, and an administrator's token is of no use there."""

    UPLOAD = "upload"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Token:
    """The catalog's facts about one token; the token's text is not stored.

    `fingerprint` is the hex SHA-256 of the text. Times are seconds since the
    epoch; None means never.
    """

    name: str
    fingerprint: str
    scope: Scope
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None
    last_used_at: int | None = None

    def is_valid(self, now: float) -> bool:
        """Whether the token is neither revoked nor expired at `now`."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class Spooled:
    """A complete file in the spool: its path, its size in bytes and its digests."""

    path: Path
    size: int
    digests: Digests


@dataclass(frozen=True, slots=True)
class SiteList:
    """The sites that may embed pictures, at one revision; `patterns` are canonical,
    sorted and without duplicates."""

    revision: int
    patterns: tuple[str, ...]
