"""The port of an upload API: everything in which the APIs of different clients differ."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from authsvc.errors import AnswerError, BadToken, MethodNotAllowed
from authsvc.model import Image

UNCACHED: Mapping[str, str] = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer whose body is the JSON object `content`."""

    status: int
    content: Mapping[str, object]
    headers: Mapping[str, str]
    """Besides Content-Type and Content-Length."""


@dataclass(frozen=True, slots=True)
class TokenHeader:
    """A header that may carry a token: alone, or after a word such as "bearer" (`scheme`, in lower case)."""

    name: str
    scheme: str = ""

    def token_in(self, value: str) -> str:
        """Return the token in the header's value, or ""."""
        if not self.scheme:
            return value.strip()
        scheme, _, credentials = value.partition(" ")
        return credentials.strip() if scheme.lower() == self.scheme else ""


class Client(ABC):
    """One upload API. Class attributes with a value are defaults."""

    name: ClassVar[str]
    """A word for logs and nginx's internal addresses, such as `/_error/native/busy`."""
    used_by: ClassVar[tuple[str, ...]]
    """The programs that speak this API, with the version that was examined, if it has one."""
    paths: ClassVar[tuple[str, ...]]
    """The exact addresses of an upload."""
    methods: ClassVar[tuple[str, ...]] = ("POST",)
    token_headers: ClassVar[tuple[TokenHeader, ...]] = (
        TokenHeader("Token"),
        TokenHeader("Authorization", scheme="bearer"),  # RFC 6750 section 2.1
    )
    """Where a token may be. The first header that carries one counts."""
    has_token_before_body: ClassVar[bool] = True
    """Whether a header always carries the token: nginx then checks it before it reads the body.

    The upload route reads tokens from headers only. The first API with a token in the form has to add that.
    """
    picture_fields: ClassVar[frozenset[str]] = frozenset({"file", "image", "source", "smfile", "list", "files"})
    """Names of a form's part that make it the picture, even if the part has no filename and no type."""

    @abstractmethod
    def success(self, image: Image, *, base_url: str, name: str) -> Answer:
        """Return the answer for a stored picture, whether it is new or a duplicate.

        `base_url` does not end with a slash; `name` is this upload's file name, or "".
        """

    @abstractmethod
    def failure(self, error: AnswerError) -> Answer:
        """Return the answer for a refused upload. nginx gives the same one when it refuses the upload itself."""

    def token_in(self, headers: Mapping[str, str]) -> str:
        """Return the token that a request's headers carry, or "". `headers` ignores case."""
        found = (place.token_in(headers.get(place.name, "")) for place in self.token_headers)
        return next(filter(None, found), "")

    def failure_headers(self, error: AnswerError) -> dict[str, str]:
        """Return the headers of the answer for `error`, which are the same in every API."""
        # Any page may read why an upload failed: the reason is not secret.
        headers = {**UNCACHED, "Access-Control-Allow-Origin": "*"}
        if isinstance(error, BadToken):
            headers["WWW-Authenticate"] = "Bearer"  # RFC 9110 section 15.5.2
        if isinstance(error, MethodNotAllowed):
            headers["Allow"] = ", ".join((*self.methods, "OPTIONS"))
        if error.retry_after is not None:
            headers["Retry-After"] = str(error.retry_after)
        return headers
