"""Jobs for a worker, and the messages that carry them through a socket.

A request comes with two descriptors: the picture, open for reading, and an empty file in
memory for the result. `answer` has the messages in the other direction.
"""

import json
from dataclasses import dataclass
from typing import Final

from authsvc.model import ImageType

MAX_MESSAGE_BYTES: Final = 2**14
"""The longest message; each is read in one piece."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """Check an uploaded picture, write it without what has to be removed, and decode what is kept of it.

    `owner` stands for the token that uploads it: jobs of one owner must not delay those of another.
    """

    owner: str

    def to_message(self) -> bytes:
        """Return the request."""
        return b"{}"


@dataclass(frozen=True, slots=True)
class SizeJob:
    """Write a smaller or re-encoded copy of a stored picture.

    `kind` is the picture's type; `format` is WEBP, AVIF or the picture's own.
    `width` is in pixels; a picture that is narrower keeps its own.
    """

    kind: ImageType
    width: int
    format: ImageType

    @property
    def owner(self) -> str:
        """Nobody in particular: any reader may ask for a size."""
        return ""

    def to_message(self) -> bytes:
        """Return the request."""
        return json.dumps({"kind": self.kind, "width": self.width, "format": self.format}).encode()


Job = Inspection | SizeJob


def size_job_from(message: bytes) -> SizeJob | None:
    """Return the job of a request; None for an inspection."""
    fields = json.loads(message)
    return SizeJob(ImageType(fields["kind"]), fields["width"], ImageType(fields["format"])) if fields else None
